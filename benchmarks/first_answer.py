"""The first answer: dog or cat, by a network that was never trained on the question.

    TELLAPART_DATA=FOLDER python benchmarks/first_answer.py [--results FOLDER]

FOLDER holds cats-and-dogs/{train,test}/{cat,dog}/*.jpg (400 and 200 photos). EfficientNet-Lite0 (224 pixels) and Lite2
(260) predict ImageNet's 1,000 classes; the probabilities of the 118 breeds of dogs stand against those of the 5 cats:

- by sums, and by means: as if photos of both were equally common (`classifier/groups.py`). Nothing is fitted.
- "named": how many photos the likeliest group of all calls what they show, by means, among everything that it knows.

Chosen on the 400 training photos: how a photo becomes a square, whether its mirror image is averaged in, which network.
The 200 test photos are then predicted once, by the built-in model as it is. Milliseconds are those of the network for
one photo on one core, the two networks in turn; seconds those of whole commands. Then the answers to scikit-learn's
two sample photos and to ten training photos, the first five of each kind.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from machine import hardware, origin_lines, table, versions, write_results

from tellapart.classifier.backbone_model import backbone_card, backbone_net
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.groups import likeliest_groups
from tellapart.cli.terminal.tables import answer_of
from tellapart.data.decode import load_image
from tellapart.data.preprocess import Preprocessing
from tellapart.inference.probability_net import ProbabilityNet
from tellapart.metrics.scores import wilson_interval
from tellapart.models.pretrained import pretrained_model
from tellapart.text import natural_key

RESULTS = Path(__file__).parent / "results"
CHOSEN = ("lite0", "crop", 1)
WAYS = (
    ("lite0", "crop"),
    ("lite0", "crop, without margin"),
    ("lite0", "pad"),
    ("lite0", "stretch"),
    ("lite2", "crop"),
    ("lite2", "crop, without margin"),
)
FIRST = 5
"""Training photos of each kind whose answers are listed."""

MARGIN = 32
"""Pixels that the published evaluation crops away around SIDE, of SIDE + 32."""


def classifier_of(backbone):
    card = backbone_card(backbone, pretrained_model("imagenet"))
    return Classifier(card, ProbabilityNet(backbone_net(backbone), "probabilities"), lambda: None)


def photos_of(split):
    folder = Path(os.environ["TELLAPART_DATA"]) / "cats-and-dogs" / split
    files = sorted(folder.glob("*/*.jpg"), key=lambda path: natural_key(path.as_posix()))
    return files, np.array([path.parent.name == "dog" for path in files])


def without_margin(pixels, side):
    """Cut the outer MARGIN / (side + MARGIN) of the shorter side away."""
    height, width = pixels.shape[:2]
    kept = round(min(height, width) * side / (side + MARGIN))
    top, left = (height - kept) // 2, (width - kept) // 2
    return pixels[top : top + kept, left : left + kept]


def square(pixels, way, side):
    policy = way.split(",")[0]
    pixels = without_margin(pixels, side) if way.endswith("without margin") else pixels
    return Preprocessing(height=side, width=side, policy=policy).apply(pixels)


def scores(classifier, probabilities, is_dog):
    """How many photos are right: by sums, by means, and named among everything."""
    groups = np.array([classifier.card.groups.get(name, "") for name in classifier.class_names])
    dogs, cats = probabilities[:, groups == "dog"], probabilities[:, groups == "cat"]
    named = likeliest_groups(probabilities, classifier.class_names, classifier.card.groups)
    wanted = np.where(is_dog, "dog", "cat")
    return {
        "by sums": int(((dogs.sum(1) > cats.sum(1)) == is_dog).sum()),
        "by means": int(((dogs.mean(1) > cats.mean(1)) == is_dog).sum()),
        "named": sum(
            group is not None and group.name == kind for group, kind in zip(named, wanted, strict=True)
        ),
        "photos": len(is_dog),
    }


def compare(classifiers, files, is_dog):
    rows = []
    pixels = [load_image(path, 0)[1].pixels for path in files]
    for backbone, way in WAYS:
        classifier, side = classifiers[backbone], classifiers[backbone].card.preprocessing.height
        images = np.stack([square(each, way, side) for each in pixels])
        plain = classifier.probabilities(images)
        mirrored = classifier.probabilities(np.ascontiguousarray(images[:, :, ::-1]))
        for views, probabilities in ((1, plain), (2, (plain + mirrored) / 2)):
            row = {"network": backbone, "square": way, "views": views}
            rows.append({**row, **scores(classifier, probabilities, is_dog)})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def milliseconds(classifiers, rounds=15):
    """The network's time for one photo on one core, the networks in turn; the first round fills caches."""
    times = {backbone: [] for backbone in classifiers}
    torch.set_num_threads(1)
    for _ in range(rounds + 1):
        for backbone, classifier in classifiers.items():
            photo = np.zeros((1, *classifier.card.preprocessing.shape), np.uint8)
            began = time.perf_counter()
            classifier.probabilities(photo)
            times[backbone].append(1000 * (time.perf_counter() - began))
    return {backbone: statistics.median(each[1:]) for backbone, each in times.items()}


def whole_commands(photo, rounds=7):
    """Seconds of whole processes, in turn: wall clock, and of all cores together; the first round fills caches."""
    commands = {
        "tellapart predict PHOTO": [sys.executable, "-m", "tellapart", "predict", str(photo)],
        "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    }
    times = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"{command} failed.")
            times[name].append((time.perf_counter() - began, usage.ru_utime + usage.ru_stime))
    return [
        {
            "command": name,
            "median s": statistics.median(wall for wall, _ in each[1:]),
            "lowest": min(wall for wall, _ in each[1:]),
            "CPU s, median": statistics.median(cores for _, cores in each[1:]),
            "n": rounds,
        }
        for name, each in times.items()
    ]


def test_rows(classifier, files, is_dog):
    pixels = [load_image(path, 0)[1].pixels for path in files]
    images = np.stack([classifier.card.preprocessing.apply(each) for each in pixels])
    found = scores(classifier, classifier.probabilities(images), is_dog)
    rows = []
    for how in ("by sums", "by means", "named"):
        low, high = wilson_interval(found[how], found["photos"])
        share = f"{100 * found[how] / found['photos']:.1f}%"
        interval = f"{100 * low:.1f}% to {100 * high:.1f}%"
        rows.append(
            {"what": how, "right": found[how], "photos": found["photos"], "share": share, "95%": interval}
        )
    return rows


def answers(classifier, files):
    from sklearn.datasets import load_sample_images

    sample = load_sample_images()
    names = [Path(name).name for name in sample.filenames]
    firsts = [
        path
        for kind in ("cat", "dog")
        for path in [each for each in files if each.parent.name == kind][:FIRST]
    ]
    predictions, _ = classifier.predict([*sample.images, *firsts], top=1)
    names += [f"{path.parent.name}/{path.name}" for path in firsts]
    return [{"photo": name, "answer": answer_of(each)} for name, each in zip(names, predictions, strict=True)]


def _table(rows):
    return table(rows, list(rows[0]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    classifiers = {backbone: classifier_of(backbone) for backbone in ("lite0", "lite2")}
    files, is_dog = photos_of("train")
    compared = compare(classifiers, files, is_dog)
    speed = milliseconds(classifiers)
    built_in = Classifier.load("imagenet")
    tested = test_rows(built_in, *photos_of("test"))
    answered = answers(built_in, files)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/first_answer.py",
        "hardware": machine,
        "versions": versions(),
        "train": compared,
        "milliseconds": speed,
        "commands": whole_commands(files[0]),
        "load_during_commands": os.getloadavg()[0],
        "test": tested,
        "answers": answered,
    }
    write_results(options.results, "first_answer", now, page(record), record)


def page(record):
    """The page of a run's record."""
    speed = record["milliseconds"]
    lines = [
        f"# The first answer: dog or cat, untrained, {record['date']}",
        "",
        "On the 400 training photos; chosen: {} with {}, views: {}.".format(*CHOSEN),
        "",
        _table(record["train"]),
        "",
        f"On one core the network takes {speed['lite0']:.0f} ms for one photo (Lite0) and {speed['lite2']:.0f} ms "
        f"(Lite2), medians of 15, in turn; the ratio is {speed['lite2'] / speed['lite0']:.1f}. The machine was shared.",
        "",
        f"Whole processes, in turn, at a load of {record['load_during_commands']:.1f} on "
        f"{record['hardware']['logical_cores']} cores; where that is more than the cores, only the CPU seconds and the "
        "ratio of the medians say something:",
        "",
        _table(record["commands"]),
        "",
        "On the 200 test photos, predicted once, by the built-in model:",
        "",
        _table(record["test"]),
        "",
        "Answers of `tellapart predict` to scikit-learn's sample photos and the first five training photos of each "
        "kind, none chosen:",
        "",
        _table(record["answers"]),
        "",
    ]
    return "\n".join(lines + origin_lines(record))


if __name__ == "__main__":
    main()
