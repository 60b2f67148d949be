"""Do heat maps tell the truth? Deletion, insertion and the sanity check of each, on CIFAR-10.

    python benchmarks/faithfulness.py [--pictures 100] [--cascade 25]

Test pictures, a seeded choice; the model that comes along is asked why it answers what it answers. Each map is held
against orders drawn by chance (`tellapart.explain.faithfulness`), and so is a map of random numbers, which shows what
chance does. Then the model is made anew with its weights in random order, block by block from the last layer down
(Adebayo et al. 2018, section 3), and each map drawn again for it. CIFAR-10 must be on this machine.

Intervals of 95% by the bootstrap over pictures. Writes a dated page and every picture's figures to
benchmarks/results/.
"""

import argparse
import datetime
import sys
import time
from itertools import chain
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
DRAWS = 10_000
CHANCE = "random numbers"


def blocks(model):
    """Names of the layers with weights, the last first; a normalisation goes with what stands before it."""
    found = []
    for layer in model.layers:
        if layer.weights and type(layer).__name__ == "BatchNormalization" and found:
            found[-1].append(layer.name)
        elif layer.weights:
            found.append([layer.name])
    return found[::-1]


def randomised(recorder, names):
    """The network with the weights of these layers in random order."""
    import keras

    from tellapart.explain.record import Recorder

    random, learned = np.random.default_rng(0), recorder.net.model
    model = keras.models.clone_model(learned)
    model.set_weights(learned.get_weights())
    for name in names:
        weights = [
            random.permutation(w.ravel()).reshape(w.shape) for w in learned.get_layer(name).get_weights()
        ]
        model.get_layer(name).set_weights(weights)
    return Recorder(model, recorder.head)


def measured(heat_map):
    found = heat_map.faithfulness
    return {
        "deletion": found.deletion_area,
        "insertion": found.insertion_area,
        "random_deletion": found.random_deletion,
        "random_insertion": found.random_insertion,
        "better": found.better_than_random,
        "sanity": found.sanity,
    }


def figures_of_picture(recorder, noise, stages, row, image, label):
    """Of each method, its measures; of the first pictures, its maps' likeness at each stage, too."""
    import torch

    from tellapart.explain.faithfulness import faithfulness, rank_correlation
    from tellapart.explain.question import Question
    from tellapart.explain.reasons import METHODS, Case, HeatMap, reasons

    pixels = torch.from_numpy(image.astype(np.float32))
    with torch.inference_mode():
        shares = recorder.run(pixels[None]).logits.softmax(-1)[0]
    case = Case(recorder, pixels, Question(int(shares.argmax())))
    maps = reasons(case, noise)
    chance = torch.rand(image.shape[:2], generator=torch.Generator().manual_seed(int(row)))
    none = HeatMap(CHANCE, chance.numpy(), None, faithfulness(case.shares, pixels, chance))
    likeness = {
        one.method: [
            rank_correlation(
                torch.from_numpy(one.values), METHODS[one.method](Case(stage, pixels, case.question))[0]
            )
            for stage in stages
        ]
        for one in maps
    }
    return {
        "row": int(row),
        "right": bool(shares.argmax() == label),
        "share": float(shares.max()),
        "methods": {one.method: measured(one) for one in [*maps, none]},
        "cascade": likeness,
    }


def with_interval(values):
    values = np.asarray(values, float)
    chosen = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.quantile(values[chosen].mean(1), (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def faith_rows(pictures):
    rows = []
    for method in pictures[0]["methods"]:
        found = [one["methods"][method] for one in pictures]
        column = {name: np.array([one[name] for one in found], float) for name in found[0]}
        rows.append(
            {
                "map": method,
                "deletion area": with_interval(column["deletion"]),
                "deletion, less random": with_interval(column["deletion"] - column["random_deletion"]),
                "insertion area": with_interval(column["insertion"]),
                "insertion, less random": with_interval(column["insertion"] - column["random_insertion"]),
                "better in both": f"{column['better'].mean():.0%}",
            }
        )
    return rows


def sanity_rows(pictures):
    rows = []
    for method in pictures[0]["cascade"]:
        found = np.array([one["methods"][method]["sanity"] for one in pictures])
        rows.append(
            {
                "map": method,
                "rank correlation": with_interval(found),
                "pictures below 0.5": f"{(found < 0.5).mean():.0%}",
                "verdict": "passes" if found.mean() < 0.5 else "fails",
            }
        )
    return rows


def cascade_rows(pictures, names):
    told = [one["cascade"] for one in pictures if next(iter(one["cascade"].values()))]
    return [
        {"down to": name, **{m: f"{np.mean([one[m][stage] for one in told]):.2f}" for m in told[0]}}
        for stage, name in enumerate(names)
    ]


def page(record):
    from tellapart.explain.faithfulness import RANDOM_ORDERS, STEPS

    pictures = record["pictures"]
    any_map = next(iter(pictures[0]["methods"]))
    beside = [
        with_interval([one["methods"][any_map][name] for one in pictures])
        for name in ("random_deletion", "random_insertion")
    ]
    faith, sanity = faith_rows(pictures), sanity_rows(pictures)
    cascade = cascade_rows(pictures, record["blocks"])
    return "\n".join(
        [
            f"# Whether heat maps tell the truth, {record['date']}",
            "",
            f"{len(pictures)} test pictures of CIFAR-10 (seed 0), of which the model that comes along answers "
            f"{sum(one['right'] for one in pictures)} rightly with one view; asked is why it answers so. "
            f"Curves of {STEPS} steps; {RANDOM_ORDERS} random orders for each picture: mean deletion area "
            f"**{beside[0]}**, insertion area **{beside[1]}** (95% intervals throughout). Deletion: less is truer; "
            "insertion: more is. *Better in both*: the share of pictures on which the map's areas are both better than "
            f"the means of the random orders; *{CHANCE}* is a map made of them.",
            "",
            table(faith, list(faith[0])),
            "",
            "The same map drawn for the network with the numbers of every weight in random order: mean rank "
            "correlation with the true one's, without its sign. Below 0.5 counts as another map.",
            "",
            table(sanity, list(sanity[0])),
            "",
            "The same while blocks of layers are put in random order one after the other, from the last down "
            f"(first {record['cascade']} of the pictures):",
            "",
            table(cascade, list(cascade[0])),
            "",
            f"- {record['seconds']:.0f} s in all",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument(
        "--cascade", type=int, default=25, help="how many of them go through the cascade, too"
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    import tellapart
    from tellapart.explain.reasons import noisy_recorder
    from tellapart.explain.record import Recorder

    machine, now, began = hardware(), datetime.datetime.now().astimezone(), time.monotonic()
    classifier, test = tellapart.load("cifar10"), tellapart.open_source("cifar10").splits["test"]
    recorder = Recorder(classifier.model, classifier.net.head)
    noise, below = noisy_recorder(recorder), blocks(classifier.model)
    stages = [randomised(recorder, chain.from_iterable(below[: done + 1])) for done in range(len(below))]
    rows = np.random.default_rng(0).choice(len(test), options.pictures, replace=False)
    pictures = []
    for count, row in enumerate(rows):
        image = classifier.card.pixel_path.apply(test.pictures.read(int(row)))
        through = stages if count < options.cascade else []
        pictures.append(figures_of_picture(recorder, noise, through, row, image, test.labels[row]))
        print(f"{count + 1}/{len(rows)}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/faithfulness.py " + " ".join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "seconds": time.monotonic() - began,
        "cascade": min(options.cascade, options.pictures),
        "blocks": [names[0] for names in below],
        "pictures": pictures,
    }
    write_results(options.results, "faithfulness", now, page(record), record)


if __name__ == "__main__":
    main()
