"""Which single heat map to draw when there must be just one: how often each method's map is faithful, and its cost.

    python benchmarks/quick_map.py PHOTOS [--pictures 24]

PHOTOS is a folder of photos, searched to its ends. The predictions of the built-in ImageNet model are explained for a
seeded choice of them, with the effort that `explain` gives a network of its size. Each map of the predicted class is
held to the test that the page shows: better than eight random maps as coarse as itself, and different from that of a
network with shuffled weights.

Writes a dated page and the figures of every photo to benchmarks/results/.
"""

import argparse
import datetime
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
MASKS = (60, 120, 250)
"""Numbers of RISE's masks that are compared."""


def variants(effort):
    """Return name -> (method, effort, runs of the network: for the map and for that of the randomized network)."""
    from tellapart.explanations.attribution.methods import METHODS

    found = {}
    for name, method in METHODS.items():
        efforts = [replace(effort, masks=masks) for masks in MASKS] if name == "rise" else [effort]
        for each in efforts:
            title = f"{name}, {each.masks} masks" if name == "rise" else name
            found[title] = name, each, 2 * method.runs(1, each)
    return found


def figures_of(recorder, pixels, effort):
    """Return the measures of each variant's map of the predicted class."""
    from tellapart.explanations.attribution.attribute import attribute
    from tellapart.explanations.attribution.contrast import Contrast
    from tellapart.explanations.attribution.heat_maps import RANDOMIZED_NETWORKS
    from tellapart.explanations.attribution.task import AttributionTask

    contrast = Contrast(int(recorder.logits(pixels[None]).argmax()))
    randomized = [recorder.randomized(seed) for seed in range(RANDOMIZED_NETWORKS)]
    figures = {}
    for title, (name, of_variant, _) in variants(effort).items():
        task = AttributionTask(recorder, pixels, (contrast,), of_variant)
        measured = attribute(task, randomized, [name])[contrast][0].faithfulness
        figures[title] = {
            "is_faithful": measured.is_faithful,
            "better_than_random": measured.better_than_random,
            "score": measured.score,
            "best_random_score": measured.best_random_score,
            "similarity": measured.randomized_similarity,
        }
    return figures


def page_of(record):
    from tellapart.metrics.scores import wilson_interval

    rows, photos = [], record["photos"]
    for title, runs in record["runs"].items():
        measures = [photo["maps"][title] for photo in photos]
        faithful = sum(each["is_faithful"] for each in measures)
        low, high = wilson_interval(faithful, len(photos))
        rows.append(
            {
                "map": title,
                "faithful": f"{faithful / len(photos):.0%} ({low:.0%} to {high:.0%})",
                "better than random": f"{np.mean([each['better_than_random'] is True for each in measures]):.0%}",
                "score": float(np.mean([each["score"] for each in measures])),
                "best random score": float(np.mean([each["best_random_score"] for each in measures])),
                "similarity to noise": float(np.mean([each["similarity"] for each in measures])),
                "runs for the map": runs,
            }
        )
    return "\n".join(
        [
            f"# The single heat map of `explain --quick`, {record['date']}",
            "",
            f"{len(photos)} photos (seed 0), the built-in ImageNet model; its predicted class. {record['effort']}. "
            "Faithful: better than eight random maps as coarse, and below 0.5 of rank correlation with the map of a "
            "network with shuffled weights; 95% intervals. Score: insertion area minus deletion area. Runs: of the "
            "network and the shuffled one, a backward pass counting as one.",
            "",
            table(rows, list(rows[0])),
            "",
            f"- {record['seconds']:.0f} s in all",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    import torch

    import tellapart
    from tellapart.data.decode import load_image
    from tellapart.explanations.attribution.budget import effort_of
    from tellapart.explanations.cost import cost_of
    from tellapart.explanations.explainer import Explainer

    machine, now, began = hardware(), datetime.datetime.now().astimezone(), time.monotonic()
    explainer = Explainer(tellapart.load("imagenet"))
    recorder, preprocessing = explainer.recorder, explainer.classifier.card.preprocessing
    files = sorted(options.folder.rglob("*.jpg"))
    chosen = np.random.default_rng(0).choice(len(files), options.pictures, replace=False)
    effort = effort_of(cost_of(recorder, torch.zeros(preprocessing.shape)))
    photos = []
    for index in chosen.tolist():
        pixels = torch.from_numpy(preprocessing.apply(load_image(files[index])[1].pixels).astype(np.float32))
        photos.append({"file": files[index].name, "maps": figures_of(recorder, pixels, effort)})
        print(f"{len(photos)}/{len(chosen)}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/quick_map.py " + shlex.join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "seconds": time.monotonic() - began,
        "effort": str(effort),
        "runs": {title: runs for title, (_, _, runs) in variants(effort).items()},
        "photos": photos,
    }
    write_results(options.results, "quick_map", now, page_of(record), record)


if __name__ == "__main__":
    main()
