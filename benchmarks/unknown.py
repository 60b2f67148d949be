"""Out-of-distribution detection: AUROC of four scores for the built-in CIFAR-10 model, trained from scratch.

`none_of_these.py` does the same for transfer models and the ImageNet model.

    python benchmarks/unknown.py [--photos FOLDER]

Images of other data sets are out of distribution. The score was chosen on the *choosing* sets (digits, crops of two
sample photos of scikit-learn, colored gradients), against the 1,000 images that the model's training held out; the
*telling* sets (Fashion-MNIST, MNIST, noise, and a folder of photos with a `test` split) chose nothing, and are
compared with the first 2,000 test images. Gray images become color ones, and all are resized to 32 x 32 by the model's
own preprocessing. CIFAR-10 and both MNISTs must be on this machine.

- energy: minus the logarithm of the sum of the logits' exponentials (Liu et al. 2020)
- nearest: distance to the 50th nearest training image among normalized features (Sun et al. 2022)
- Mahalanobis: smallest distance to a class mean among normalized features (Lee et al. 2018)
- largest probability (Hendrycks and Gimpel 2017)

Bootstrap intervals: both sets resampled 2,000 times.

Writes a dated page and all figures to benchmarks/results/.
"""

import argparse
import datetime
import sys
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
MOST, PIECES, DRAWS = 2000, 600, 2000


def store_of(classifier, split):
    from tellapart.data.store import load_split

    return load_split(split, classifier.card.preprocessing)


def pictures(classifier, name, split):
    import tellapart

    splits = tellapart.open_dataset(name).splits
    return store_of(classifier, splits[split if split in splits else "train"]).images


def learned_and_held_out(classifier):
    """Return the images that the model was trained on, and those that its training held out."""
    import tellapart
    from tellapart.data.split import divide
    from tellapart.recipes.recipes import fast

    share, seed = fast().validation_share, classifier.card.origin["seed"]
    splits = divide(tellapart.open_dataset("cifar10"), validation=share, test=0, seed=seed).splits
    return store_of(classifier, splits["train"]), store_of(classifier, splits["validation"])


def choosing_sets(classifier):
    from sklearn.datasets import load_sample_images

    random, photos = np.random.default_rng(1), load_sample_images().images
    pieces = []
    for index in range(PIECES):
        photo = photos[index % len(photos)]
        top, left = (random.integers(0, length - 64) for length in photo.shape[:2])
        pieces.append(classifier.card.preprocessing.apply(photo[top : top + 64, left : left + 64]))
    slope = np.linspace(0, 255, 32)
    slopes = [
        np.add.outer(random.normal() * slope, random.normal() * slope)[..., None] * random.random(3)
        + random.integers(0, 255, 3)
        for _ in range(PIECES)
    ]
    return {
        "digits": pictures(classifier, "digits", "train")[:MOST],
        "pieces of two photos": np.stack(pieces),
        "slopes": np.clip(slopes, 0, 255).astype(np.uint8),
    }


def telling_sets(classifier, photos):
    sets = {
        "Fashion-MNIST": pictures(classifier, "fashion-mnist", "test")[:MOST],
        "MNIST": pictures(classifier, "mnist", "test")[:MOST],
        "noise": np.random.default_rng(2).integers(0, 256, (MOST, 32, 32, 3), np.uint8),
    }
    if photos is None:
        return sets
    return sets | {photos.name: pictures(classifier, str(photos), "test")[:MOST]}


class Ways:
    """The scores: each gives a number to each image, the higher the less familiar."""

    def __init__(self, classifier, learned):
        from tellapart.explanations.recorder import Recorder

        self.classifier = classifier
        self.recorder = Recorder(classifier.model, classifier.net.head)
        self.known = self.directions(learned.images)
        self.means = np.stack([self.known[learned.labels == label].mean(0) for label in range(10)])
        spread = np.cov((self.known - self.means[learned.labels]).T)
        self.precision = np.linalg.inv(spread + 1e-6 * np.eye(len(spread)))

    def directions(self, images):
        from tellapart.explanations.examples.features import features

        vectors = features(self.classifier, images, precision="bfloat16")
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def all(self, images):
        from tellapart.explanations.ood import energies

        directions = self.directions(images)
        away = directions[:, None] - self.means
        return {
            "energy": energies(self.recorder, images),
            "nearest": -np.partition(directions @ self.known.T, -50, axis=1)[:, -50],
            "Mahalanobis": np.einsum("nkd,de,nke->nk", away, self.precision, away).min(1),
            "largest probability": -self.classifier.probabilities(images, tta_views=1).max(1),
        }


def auroc_interval(inside, outside):
    """Return the 95% bootstrap interval of the area, both sets resampled."""
    random = np.random.default_rng(0)
    higher = (outside[:, None] > inside) + 0.5 * (outside[:, None] == inside)

    def shares(count):
        return random.multinomial(count, np.full(count, 1 / count), DRAWS) / count  # (DRAWS, count)

    areas = ((shares(len(outside)) @ higher) * shares(len(inside))).sum(1)
    return np.quantile(areas, (0.025, 0.975))


def rows_of(ways, familiar, limit, sets, purpose):
    from sklearn.metrics import roc_auc_score

    rows = []
    for name, images in sets.items():
        scores = ways.all(images)
        areas = {
            way: float(
                roc_auc_score(np.repeat([0, 1], [len(inside), len(scores[way])]), np.r_[inside, scores[way]])
            )
            for way, inside in familiar.items()
        }
        low, high = auroc_interval(familiar["energy"], scores["energy"])
        rows.append(
            {
                "set": name,
                "for": purpose,
                "n": len(images),
                **{way: f"{area:.3f}" for way, area in areas.items()},
                "energy, 95% interval": f"{low:.3f} to {high:.3f}",
                "above the limit": f"{(scores['energy'] > limit).mean():.1%}",
            }
        )
    return rows


def page(record):
    return "\n".join(
        [
            f"# Out-of-distribution detection: AUROC, {record['date']}",
            "",
            "The built-in CIFAR-10 model. 0.5 is chance, 1 perfect. In distribution are the 1,000 pictures that its "
            "training held out (choosing) or 2,000 test pictures (telling). *Above the limit*: share of the set's "
            "pictures whose energy is above that of 95% of the held-out pictures; for the test pictures it is "
            f"{record['test_above_limit']:.1%}.",
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
    from tellapart.explanations.ood import FAMILIAR

    machine, now = hardware(), datetime.datetime.now().astimezone()
    classifier = tellapart.load("cifar10")
    learned, held_out = learned_and_held_out(classifier)
    ways = Ways(classifier, learned)
    familiar, test = ways.all(held_out.images), ways.all(pictures(classifier, "cifar10", "test")[:MOST])
    limit = float(np.quantile(familiar["energy"], FAMILIAR))
    rows = rows_of(ways, familiar, limit, choosing_sets(classifier), "choosing")
    rows += rows_of(ways, test, limit, telling_sets(classifier, options.photos), "telling")
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/unknown.py "
        + " ".join(sys.argv[1:]).replace(str(options.photos), "FOLDER"),
        "hardware": machine,
        "versions": versions(),
        "limit": limit,
        "test_above_limit": float((test["energy"] > limit).mean()),
        "rows": rows,
    }
    write_results(options.results, "unknown", now, page(record), record)


if __name__ == "__main__":
    main()
