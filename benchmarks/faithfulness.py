"""Do heat maps tell the truth? Deletion, insertion and the sanity check of each, on CIFAR-10.

    python benchmarks/faithfulness.py [--pictures 100] [--cascade 25] [--masks 1000]

Test pictures, a seeded choice; the model that comes along is asked why it answers what it answers. Each map is held
against eight random maps as coarse as itself (`tellapart.explanations.attribution.random_baseline`), and against
single pixels in random order; so are maps of random numbers, which show what chance does. Then the model is made
anew with its weights in random order, block by block from the last layer down (Adebayo et al. 2018, section 3), and
each map drawn again for it.
CIFAR-10 must be on this machine.

Intervals of 95% by the bootstrap over pictures. Writes a dated page and every picture's figures to
benchmarks/results/.
"""

import argparse
import datetime
import sys
import time
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
DRAWS = 10_000
CHANCE = {"random pixels": 32, "random blobs": 6}
"""Maps that know nothing, by the side of their grid: as fine as the picture, and about as coarse as Grad-CAM's."""


def blocks(model):
    """Names of the layers with weights, the last first; a normalization goes with what stands before it."""
    found = []
    for layer in model.layers:
        if layer.weights and type(layer).__name__ == "BatchNormalization" and found:
            found[-1].append(layer.name)
        elif layer.weights:
            found.append([layer.name])
    return found[::-1]


def randomized(recorder, names):
    """The network with the weights of these layers in random order."""
    import keras

    from tellapart.explanations.recorder import Recorder

    random, learned = np.random.default_rng(0), recorder.net.model
    model = keras.models.clone_model(learned)
    model.set_weights(learned.get_weights())
    for name in names:
        weights = [
            random.permutation(w.ravel()).reshape(w.shape) for w in learned.get_layer(name).get_weights()
        ]
        model.get_layer(name).set_weights(weights)
    return Recorder(model, recorder.head)


def measured(found, pixels):
    """The measures of one map, beside maps as coarse and beside `pixels` in random order."""
    return {
        "deletion": found.deletion_area,
        "insertion": found.insertion_area,
        "random_deletion": found.random_deletion_area,
        "random_insertion": found.random_insertion_area,
        "pixels_deletion": pixels.random_deletion_area,
        "pixels_insertion": pixels.random_insertion_area,
        "truer_than_chance": found.better_than_random is True,
        "sanity": found.randomized_similarity,
    }


def chance_maps(case, question, row):
    """The measures of maps that know nothing; in place of a drawing for another network a second draw."""
    import torch
    import torch.nn.functional as F

    from tellapart.explanations.attribution.faithfulness import (
        curves,
        faithfulness,
        order_of,
        rank_correlation,
    )
    from tellapart.explanations.attribution.random_baseline import RandomBaseline

    baseline, random, found = (
        RandomBaseline(case.probabilities, case.image),
        torch.Generator().manual_seed(row + 1),
        {},
    )
    for name, side in CHANCE.items():
        grid = torch.rand((2, 1, side, side), generator=random)
        heat, other = F.interpolate(grid, case.image.shape[:2], mode="bilinear", align_corners=False)[:, 0]
        drawn = curves(case.probabilities, case.image, order_of(heat))
        beside, sanity = baseline.curves_for(heat), rank_correlation(heat, other)
        found[name] = faithfulness(question.of_probabilities, drawn, beside, sanity)
    return found


def likeness(case, question, stages, one):
    """Rank correlation of a map with itself drawn at each stage; the last, all of it, is measured already."""
    import torch

    from tellapart.explanations.attribution.faithfulness import rank_correlation
    from tellapart.explanations.attribution.methods import METHODS

    drawn = (METHODS[one.method].draw(replace(case, recorder=stage)).maps[question] for stage in stages)
    found = [rank_correlation(torch.from_numpy(one.values), heat) for heat in drawn]
    return [*found, one.faithfulness.randomized_similarity] if stages else []


def figures_of_picture(recorder, noises, stages, masks, row, image, label):
    """Of each method, its measures, and its likeness to itself at each stage."""
    import torch

    from tellapart.explanations.attribution.attribute import attribute
    from tellapart.explanations.attribution.contrast import Contrast
    from tellapart.explanations.attribution.task import AttributionTask

    pixels = torch.from_numpy(image.astype(np.float32))
    with torch.inference_mode():
        shares = recorder.logits(pixels[None]).softmax(-1)[0]
    question = Contrast(int(shares.argmax()))
    case = AttributionTask(recorder, pixels, (question,), masks)
    maps, chance = attribute(case, noises)[question], chance_maps(case, question, row)
    found = {one.method: one.faithfulness for one in maps} | chance
    return {
        "row": row,
        "right": question.of == label,
        "share": float(shares.max()),
        "layers": {one.method: one.layer for one in maps},
        "methods": {name: measured(one, chance["random pixels"]) for name, one in found.items()},
        "cascade": {one.method: likeness(case, question, stages, one) for one in maps},
    }


def with_interval(values):
    values = np.asarray(values, float)
    chosen = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.quantile(values[chosen].mean(1), (0.025, 0.975))
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def share_of(truths):
    from tellapart.metrics.scores import wilson_interval

    low, high = wilson_interval(int(np.sum(truths)), len(truths))
    return f"{np.mean(truths):.0%} ({low:.0%} to {high:.0%})"


def faith_rows(pictures):
    rows = []
    for method in pictures[0]["methods"]:
        found = [one["methods"][method] for one in pictures]
        column = {name: np.array([one[name] for one in found], float) for name in found[0]}
        row = {"map": method}
        for name in ("deletion", "insertion"):
            row[f"{name} area"] = with_interval(column[name])
            row[f"{name}, less random"] = with_interval(column[name] - column[f"random_{name}"])
            row[f"{name}, less random pixels"] = with_interval(column[name] - column[f"pixels_{name}"])
        better = (
            column["deletion"] < column["random_deletion"],
            column["insertion"] > column["random_insertion"],
        )
        rows.append(
            row
            | {
                "better in both": share_of(better[0] & better[1]),
                "truer than chance": share_of(column["truer_than_chance"]),
            }
        )
    return rows


def sanity_rows(pictures):
    rows = []
    for method in pictures[0]["methods"]:
        found = np.array([one["methods"][method]["sanity"] for one in pictures])
        rows.append(
            {
                "map": method,
                "rank correlation": with_interval(found),
                "pictures below 0.5": f"{(found < 0.5).mean():.0%}",
                "verdict": "" if method in CHANCE else "passes" if found.mean() < 0.5 else "fails",
            }
        )
    return rows


def cascade_lines(record):
    told = [one["cascade"] for one in record["pictures"][: record["cascade"]]]
    if not told:
        return []
    rows = [
        {"down to": name, **{m: f"{np.mean([one[m][stage] for one in told]):.2f}" for m in told[0]}}
        for stage, name in enumerate(record["blocks"])
    ]
    return [
        "The same while blocks of layers are put in random order one after the other, from the last down "
        f"(first {record['cascade']} of the pictures):",
        "",
        table(rows, list(rows[0])),
        "",
    ]


def page(record):
    from tellapart.explanations.attribution.faithfulness import STEPS
    from tellapart.explanations.attribution.random_baseline import RANDOM_MAPS

    pictures = record["pictures"]
    faith, sanity = faith_rows(pictures), sanity_rows(pictures)
    layer = pictures[0]["layers"]["grad_cam"]
    return "\n".join(
        [
            f"# Whether heat maps tell the truth, {record['date']}",
            "",
            f"{len(pictures)} test pictures of CIFAR-10 (seed 0), of which the model that comes along answers "
            f"{sum(one['right'] for one in pictures)} rightly with one view; asked is why it answers so. "
            f"RISE by {record['masks']} masks; Grad-CAM by the layer {layer}; curves of {STEPS} steps; 95% intervals. "
            "Deletion: less is truer; insertion: more is.",
            "",
            f"*Less random*: minus the mean of {RANDOM_MAPS} random maps as coarse as the map itself; *less random "
            f"pixels*: minus that of {RANDOM_MAPS} orders of single pixels. *Better in both*: the share of pictures on "
            "which both areas are better than the means of maps as coarse; *truer than chance*: where insertion's area "
            f"minus deletion's is also larger than that of each of the {RANDOM_MAPS}. *Random pixels* and *random "
            "blobs* are maps that know nothing.",
            "",
            table(faith, list(faith[0])),
            "",
            "The same map drawn for the network with the numbers of every weight in random order: mean rank "
            f"correlation with the true one's, without its sign; of Grad-CAM's kinds the mean over {record['noises']} "
            "such networks. Below 0.5 counts as another map. Of random maps: with another draw.",
            "",
            table(sanity, list(sanity[0])),
            "",
            *cascade_lines(record),
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
    parser.add_argument("--masks", type=int, default=1000, help="of RISE")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    import tellapart
    from tellapart.explanations.attribution.attribute import randomized_recorder
    from tellapart.explanations.attribution.heat_maps import RANDOMIZED_NETWORKS
    from tellapart.explanations.recorder import Recorder

    machine, now, began = hardware(), datetime.datetime.now().astimezone(), time.monotonic()
    classifier, test = tellapart.load("cifar10"), tellapart.open_dataset("cifar10").splits["test"]
    recorder = Recorder(classifier.model, classifier.net.head)
    noises = [randomized_recorder(recorder, seed) for seed in range(RANDOMIZED_NETWORKS)]
    below = blocks(classifier.model)
    stages = [randomized(recorder, chain.from_iterable(below[: done + 1])) for done in range(len(below) - 1)]
    rows = np.random.default_rng(0).choice(len(test), options.pictures, replace=False)
    pictures = []
    for count, row in enumerate(rows.tolist()):
        image = classifier.card.preprocessing.apply(test.images.read(row))
        through = stages if count < options.cascade else []
        pictures.append(
            figures_of_picture(recorder, noises, through, options.masks, row, image, int(test.labels[row]))
        )
        print(f"{count + 1}/{len(rows)}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/faithfulness.py " + " ".join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "seconds": time.monotonic() - began,
        "masks": options.masks,
        "noises": RANDOMIZED_NETWORKS,
        "cascade": min(options.cascade, options.pictures),
        "blocks": [names[0] for names in below],
        "pictures": pictures,
    }
    write_results(options.results, "faithfulness", now, page(record), record)


if __name__ == "__main__":
    main()
