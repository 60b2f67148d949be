"""Faithfulness of heat maps on CIFAR-10: deletion, insertion and the sanity check of each method.

    python benchmarks/faithfulness.py [--pictures 100] [--cascade 25] [--masks 1000]

The predictions of the built-in model for a seeded choice of test images are explained. Each map is compared with
eight random maps as coarse as itself (`tellapart.explanations.attribution.random_baseline`) and with single pixels
in random order; so are maps of random numbers, as a baseline. Then the model's weights are shuffled block by block
from the last layer down (Adebayo et al. 2018, section 3), and each map is drawn again.
CIFAR-10 must be on this machine.

95% bootstrap intervals over the images. Writes a dated page and the figures of every image to
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
"""Random maps by the side of their grid: as fine as the image, and about as coarse as Grad-CAM's."""


def blocks(model):
    """Return the names of the layers with weights in blocks, last first; a normalization joins the layer before it."""
    names = []
    for layer in model.layers:
        if layer.weights and type(layer).__name__ == "BatchNormalization" and names:
            names[-1].append(layer.name)
        elif layer.weights:
            names.append([layer.name])
    return names[::-1]


def randomized(recorder, names):
    """Return the network with the weights of these layers shuffled."""
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


def measured(faithfulness, pixels):
    """Return the measures of a map, against maps as coarse and against `pixels` in random order."""
    return {
        "deletion": faithfulness.deletion_area,
        "insertion": faithfulness.insertion_area,
        "random_deletion": faithfulness.random_deletion_area,
        "random_insertion": faithfulness.random_insertion_area,
        "pixels_deletion": pixels.random_deletion_area,
        "pixels_insertion": pixels.random_insertion_area,
        "truer_than_chance": faithfulness.better_than_random is True,
        "sanity": faithfulness.randomized_similarity,
    }


def chance_maps(task, contrast, row):
    """Return the faithfulness of random maps; a second draw stands in for the map of a randomized network."""
    import torch
    import torch.nn.functional as F

    from tellapart.explanations.attribution.faithfulness import (
        CurveMeter,
        faithfulness,
        order_of,
        rank_correlation,
    )
    from tellapart.explanations.attribution.random_baseline import RandomBaseline

    meter, of_maps = CurveMeter(task.probabilities, task.image), {}
    baseline = RandomBaseline(meter)
    random = torch.Generator().manual_seed(row + 1)
    for name, side in CHANCE.items():
        grid = torch.rand((2, 1, side, side), generator=random)
        heat, other = F.interpolate(grid, task.image.shape[:2], mode="bilinear", align_corners=False)[:, 0]
        drawn = meter.curves(order_of(heat))
        beside, sanity = baseline.curves_for(heat), rank_correlation(heat, other)
        of_maps[name] = faithfulness(contrast.of_probabilities, drawn, beside, sanity)
    return of_maps


def similarities(task, contrast, stages, heat_map):
    """Return the rank correlation of a map with that of each stage; the last stage is already measured."""
    import torch

    from tellapart.explanations.attribution.faithfulness import rank_correlation
    from tellapart.explanations.attribution.methods import METHODS

    drawn = (METHODS[heat_map.method].draw(replace(task, recorder=stage)).maps[contrast] for stage in stages)
    correlations = [rank_correlation(torch.from_numpy(heat_map.values), heat) for heat in drawn]
    return [*correlations, heat_map.faithfulness.randomized_similarity] if stages else []


def figures_of_picture(recorder, randomized_recorders, stages, masks, row, image, label):
    """Return the measures of each method, and the similarity to its map at each stage."""
    import torch

    from tellapart.explanations.attribution.attribute import attribute
    from tellapart.explanations.attribution.contrast import Contrast
    from tellapart.explanations.attribution.task import AttributionTask, Effort

    pixels = torch.from_numpy(image.astype(np.float32))
    with torch.inference_mode():
        shares = recorder.logits(pixels[None]).softmax(-1)[0]
    contrast = Contrast(int(shares.argmax()))
    task = AttributionTask(recorder, pixels, (contrast,), Effort(masks=masks))
    maps, chance = attribute(task, randomized_recorders)[contrast], chance_maps(task, contrast, row)
    of_methods = {heat_map.method: heat_map.faithfulness for heat_map in maps} | chance
    return {
        "row": row,
        "right": contrast.of == label,
        "share": float(shares.max()),
        "layers": {heat_map.method: heat_map.layer for heat_map in maps},
        "methods": {name: measured(of_map, chance["random pixels"]) for name, of_map in of_methods.items()},
        "cascade": {heat_map.method: similarities(task, contrast, stages, heat_map) for heat_map in maps},
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
        measures = [picture["methods"][method] for picture in pictures]
        column = {name: np.array([row[name] for row in measures], float) for name in measures[0]}
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
        similarity = np.array([picture["methods"][method]["sanity"] for picture in pictures])
        rows.append(
            {
                "map": method,
                "rank correlation": with_interval(similarity),
                "pictures below 0.5": f"{(similarity < 0.5).mean():.0%}",
                "verdict": "" if method in CHANCE else "passes" if similarity.mean() < 0.5 else "fails",
            }
        )
    return rows


def cascade_lines(record):
    cascades = [picture["cascade"] for picture in record["pictures"][: record["cascade"]]]
    if not cascades:
        return []
    rows = [
        {"down to": name, **{m: f"{np.mean([row[m][stage] for row in cascades]):.2f}" for m in cascades[0]}}
        for stage, name in enumerate(record["blocks"])
    ]
    return [
        "The same while the weights of one block of layers after another are shuffled, from the last down "
        f"(first {record['cascade']} of the pictures):",
        "",
        table(rows, list(rows[0])),
        "",
    ]


def page(record):
    from tellapart.explanations.attribution.random_baseline import RANDOM_MAPS
    from tellapart.explanations.attribution.task import Effort

    pictures = record["pictures"]
    faith, sanity = faith_rows(pictures), sanity_rows(pictures)
    layer = pictures[0]["layers"]["grad_cam"]
    return "\n".join(
        [
            f"# Faithfulness of heat maps, {record['date']}",
            "",
            f"{len(pictures)} test pictures of CIFAR-10 (seed 0); without test-time augmentation, the built-in model "
            f"classifies {sum(picture['right'] for picture in pictures)} of them correctly. Its predictions are "
            f"explained. RISE with {record['masks']} masks; Grad-CAM of the layer {layer}; curves of "
            f"{Effort().curve_steps} steps; "
            "95% intervals. Deletion: lower is better; insertion: higher is better.",
            "",
            f"*Less random*: minus the mean of {RANDOM_MAPS} random maps as coarse as the map itself; *less random "
            f"pixels*: minus that of {RANDOM_MAPS} orders of single pixels. *Better in both*: the share of pictures "
            "for which both areas are better than the means of maps as coarse; *truer than chance*: where insertion "
            f"area minus deletion area is also larger than for each of the {RANDOM_MAPS}. *Random pixels* and "
            "*random blobs* are maps of random numbers.",
            "",
            table(faith, list(faith[0])),
            "",
            "The map of the network with all weights shuffled: mean rank correlation with the map of the trained "
            f"network, without its sign; for the Grad-CAM methods the mean over {record['noises']} such networks. "
            "Below 0.5 counts as a different map. Random maps are compared with another draw.",
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
        "--cascade", type=int, default=25, help="how many of them also go through the cascade"
    )
    parser.add_argument("--masks", type=int, default=1000, help="number of masks of RISE")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    import tellapart
    from tellapart.explanations.attribution.heat_maps import RANDOMIZED_NETWORKS
    from tellapart.explanations.recorder import Recorder

    machine, now, began = hardware(), datetime.datetime.now().astimezone(), time.monotonic()
    classifier, test = tellapart.load("cifar10"), tellapart.open_dataset("cifar10").splits["test"]
    recorder = Recorder(classifier.model, classifier.net.head)
    randomized_recorders = [recorder.randomized(seed) for seed in range(RANDOMIZED_NETWORKS)]
    below = blocks(classifier.model)
    stages = [randomized(recorder, chain.from_iterable(below[: done + 1])) for done in range(len(below) - 1)]
    rows = np.random.default_rng(0).choice(len(test), options.pictures, replace=False)
    pictures = []
    for count, row in enumerate(rows.tolist()):
        image = classifier.card.preprocessing.apply(test.images.read(row))
        through = stages if count < options.cascade else []
        pictures.append(
            figures_of_picture(
                recorder, randomized_recorders, through, options.masks, row, image, int(test.labels[row])
            )
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
