"""What each augmentation costs, beside a training step of the tutorial's network and beside a backbone's features.

    python benchmarks/augmentation_cost.py [--rounds 15]

For pictures of 32 x 32 pixels, a batch of 128: the share of a step of the tutorial's network (recipe quick). For
pictures of 224 x 224, a batch of 32: the share of computing EfficientNet-Lite0's features of them.

Method: in every round each augmentation runs once and so does what it is measured by, in an order that rotates; the
ratios are taken within each round, and their median is reported. Both get the threads that a training gives them.

Prints a page and writes it, with every measurement, to benchmarks/results/.
"""

import argparse
import dataclasses
import datetime
import shlex
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
SMALL, LARGE = (128, 32), (32, 224)
"""Pictures, and their side in pixels."""

SWITCHES = (
    "rotation_range=15", "zoom_range=0.2", "shear_range=10", "fill_mode=reflect,width_shift_range=0.1",
    "channel_shift_range=20", "brightness_range=0.7:1.3", "cutout=8",
)  # fmt: skip


def plans():
    """Return title -> text of the augmentation."""
    from tellapart.data.augmentation.mix import MIXINGS
    from tellapart.data.augmentation.policies.registry import POLICIES

    tutorial = "width_shift_range=0.1,height_shift_range=0.1,horizontal_flip"
    found = {"first-cnn (shifts, mirrored)": f"none,{tutorial}"}
    found |= {each.split("=")[0]: f"none,{each}" for each in SWITCHES}
    found["all of these"] = f"none,{tutorial},{','.join(each for each in SWITCHES if 'fill' not in each)}"
    found |= {name: f"none,{name}" for name in POLICIES}
    return found | {name: f"none,{name}" for name in MIXINGS if name != "none"}


def images_of(count, side):
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, side // 8, side // 8, 3))
    return (coarse.repeat(8, 1).repeat(8, 2) * 0.8 + random.integers(0, 50, (count, side, side, 3))).astype(
        np.uint8
    )


def loading(count, side):
    """Return title -> a function that loads the batch augmented; and one that loads it as it is."""
    from tellapart.data.augmentation.spec import Augmented, read_spec
    from tellapart.data.sampler import BatchSampler
    from tellapart.data.store import ImageStore
    from tellapart.training.loader import DataLoader

    store = ImageStore(images_of(count, side), np.arange(count) % 10, tuple(str(row) for row in range(count)))
    batches = BatchSampler(n=count, batch_size=count, seed=0)

    def loader(text):
        each, mixing, strength = (
            getattr(read_spec(text, Augmented(None)), name) for name in Augmented.__slots__
        )
        return DataLoader(store, 10, batches, each, "cpu", mixing, strength)

    def timed(loader):
        return lambda: loader.batch(0, 0)

    return {title: timed(loader(text)) for title, text in plans().items()}, timed(loader("none"))


def tutorial_step(count, side):
    """Return a function that does one training step of the tutorial's network."""
    from tellapart.lowering import lower
    from tellapart.recipes.build import build_model, build_step
    from tellapart.recipes.recipes import quick
    from tellapart.runtime.precision import resolve

    config = dataclasses.replace(quick(), batch_size=count)
    images = torch.from_numpy(images_of(count, side)).float()
    targets = torch.eye(10)[torch.arange(count) % 10]
    net = lower(build_model(config, (side, side, 3), 10, 100), resolve("auto"))
    step = build_step(config, net, 100)
    return lambda: step(images, targets)


def features(count, side):
    """Return a function that computes EfficientNet-Lite0's features."""
    from tellapart.inference.feature_net import FeatureNet
    from tellapart.models.backbones import DEFAULT_BACKBONE, open_backbone
    from tellapart.runtime.precision import resolve

    net, images = FeatureNet(open_backbone(DEFAULT_BACKBONE, side, side)), images_of(count, side)
    return lambda: net(images, precision=resolve("auto"))


def seconds(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def measured(batch, measure, rounds):
    """Return title -> seconds of each round; under "" those of what all are measured by."""
    augmentations, plain = loading(*batch)
    contestants = {**augmentations, "as it is": plain, "": measure(*batch)}
    for function in contestants.values():
        seconds(function), seconds(function)
    titles, times = list(contestants), {title: [] for title in contestants}
    for number in range(rounds):
        turn = number % len(titles)
        for title in titles[turn:] + titles[:turn]:
            times[title].append(seconds(contestants[title]))
    return times


def rows_of(small, large):
    rows = []
    for title in small:
        if title in ("", "as it is"):
            continue
        row = {"augmentation": title}
        for name, times in (("tutorial's step", small), ("lite0's features", large)):
            share = median(
                (own - plain) / whole
                for own, plain, whole in zip(times[title], times["as it is"], times[""], strict=True)
            )
            row[f"ms, {name}"] = round(1e3 * median(times[title]), 2)
            row[f"share of {name}"] = f"{share:.1%}"
        rows.append(row)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    now = datetime.datetime.now()
    small = measured(SMALL, tutorial_step, arguments.rounds)
    large = measured(LARGE, features, arguments.rounds)
    record = {
        "hardware": hardware(),
        "versions": versions(),
        "command": shlex.join(["python", *sys.argv]),
        "seconds": {"32 pixels": small, "224 pixels": large},
    }
    rows = rows_of(small, large)
    page = "\n".join(
        [
            f"# What augmentation costs, {now:%Y-%m-%d}",
            "",
            f"Medians of {arguments.rounds} rounds. 32 x 32 pixels: {SMALL[0]} pictures, a step takes "
            f"{1e3 * median(small['']):.1f} ms. 224 x 224: {LARGE[0]} pictures, features take "
            f"{1e3 * median(large['']):.0f} ms. Loading the batch as it is has been subtracted from the shares.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )
    write_results(RESULTS, "augmentation_cost", now, page, record)


if __name__ == "__main__":
    main()
