"""Is a picture unlike anything trained on? AUROC of four ways to tell, for the CIFAR-10 model that comes along.

    python benchmarks/unknown.py [--photos FOLDER]

Familiar are the first 2,000 test pictures of CIFAR-10; unfamiliar the pictures of other sets. The way was chosen by
the *choosing* sets (digits, pieces of two photos that scikit-learn carries, coloured slopes); the *telling* sets
(Fashion-MNIST, MNIST, noise, and a folder of photos with a `test` split) chose nothing. Grey pictures become colour
ones, and all are brought to 32 x 32 by the model's own pixel path. CIFAR-10 and both MNISTs must be on this machine.

- energy: minus the logarithm of the sum of the logits' exponentials (Liu et al. 2020)
- nearest: distance to the 50th nearest training picture among normalised features (Sun et al. 2022)
- Mahalanobis: least distance to a class's mean among normalised features (Lee et al. 2018)
- largest probability (Hendrycks and Gimpel 2017)

Writes a dated page and all figures to benchmarks/results/.
"""

import argparse
import datetime
import sys
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
MOST, PIECES = 2000, 600


def pictures(classifier, name, split):
    import tellapart
    from tellapart.data.store import load_split

    splits = tellapart.open_source(name).splits
    store = load_split(splits[split if split in splits else "train"], classifier.card.pixel_path)
    return store.images, store.labels


def choosing_sets(classifier):
    from sklearn.datasets import load_sample_images

    random, photos = np.random.default_rng(1), load_sample_images().images
    pieces = []
    for index in range(PIECES):
        photo = photos[index % len(photos)]
        top, left = (random.integers(0, length - 64) for length in photo.shape[:2])
        pieces.append(classifier.card.pixel_path.apply(photo[top : top + 64, left : left + 64]))
    slope = np.linspace(0, 255, 32)
    slopes = [
        np.add.outer(random.normal() * slope, random.normal() * slope)[..., None] * random.random(3)
        + random.integers(0, 255, 3)
        for _ in range(PIECES)
    ]
    return {
        "digits": pictures(classifier, "digits", "train")[0][:MOST],
        "pieces of two photos": np.stack(pieces),
        "slopes": np.clip(slopes, 0, 255).astype(np.uint8),
    }


def telling_sets(classifier, photos):
    sets = {
        "Fashion-MNIST": pictures(classifier, "fashion-mnist", "test")[0][:MOST],
        "MNIST": pictures(classifier, "mnist", "test")[0][:MOST],
        "noise": np.random.default_rng(2).integers(0, 256, (MOST, 32, 32, 3), np.uint8),
    }
    return (
        sets if photos is None else sets | {photos.name: pictures(classifier, str(photos), "test")[0][:MOST]}
    )


class Ways:
    """Each gives a number to each picture, the higher the less familiar."""

    def __init__(self, classifier):
        from tellapart.explain.record import Recorder

        self.classifier = classifier
        self.recorder = Recorder(classifier.model, classifier.net.head)
        train, labels = pictures(classifier, "cifar10", "train")
        self.known = self.directions(train)
        self.means = np.stack([self.known[labels == label].mean(0) for label in range(10)])
        spread = np.cov((self.known - self.means[labels]).T)
        self.precision = np.linalg.inv(spread + 1e-6 * np.eye(len(spread)))

    def directions(self, images):
        from tellapart.explain.features import features

        found = features(self.classifier, images, precision="bfloat16")
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def all(self, images):
        from tellapart.explain.unknown import energies

        directions = self.directions(images)
        away = directions[:, None] - self.means
        return {
            "energy": energies(self.recorder, images),
            "nearest": -np.partition(directions @ self.known.T, -50, axis=1)[:, -50],
            "Mahalanobis": np.einsum("nkd,de,nke->nk", away, self.precision, away).min(1),
            "largest probability": -self.classifier.probabilities(images, views=1).max(1),
        }


def rows_of(ways, familiar, sets, purpose):
    from sklearn.metrics import roc_auc_score

    rows = []
    for name, images in sets.items():
        found = ways.all(images)
        areas = {
            way: float(
                roc_auc_score(np.repeat([0, 1], [len(inside), len(found[way])]), np.r_[inside, found[way]])
            )
            for way, inside in familiar.items()
        }
        rows.append(
            {"set": name, "for": purpose, "n": len(images), **{w: f"{a:.3f}" for w, a in areas.items()}}
        )
    return rows


def page(record):
    return "\n".join(
        [
            f"# Unlike anything trained on: AUROC, {record['date']}",
            "",
            "The CIFAR-10 model that comes along; familiar are 2,000 of its test pictures. 0.5 is chance, 1 perfect.",
            "",
            table(record["rows"], list(record["rows"][0])),
            "",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="a folder of photos, {train,test}/<class>/*")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    import tellapart

    machine, now = hardware(), datetime.datetime.now().astimezone()
    classifier = tellapart.load("cifar10")
    ways = Ways(classifier)
    familiar = ways.all(pictures(classifier, "cifar10", "test")[0][:MOST])
    rows = rows_of(ways, familiar, choosing_sets(classifier), "choosing")
    rows += rows_of(ways, familiar, telling_sets(classifier, options.photos), "telling")
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/unknown.py "
        + " ".join(sys.argv[1:]).replace(str(options.photos), "FOLDER"),
        "hardware": machine,
        "versions": versions(),
        "rows": rows,
    }
    write_results(options.results, "unknown", now, page(record), record)


if __name__ == "__main__":
    main()
