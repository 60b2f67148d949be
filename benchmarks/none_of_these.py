"""Pictures of none of the classes: AUROC of novelty scores for a transfer model and for the ImageNet model.

    python benchmarks/none_of_these.py --photos FOLDER [--flowers FOLDER] [--buildings FOLDER] [--scenes FOLDER]
        [--imagenet FOLDER]

PHOTOS is cats and dogs, {train,test}/<class>/*; the other folders hold photos, also in subfolders, of which up to 300
are drawn; IMAGENET has one photo for each class of ImageNet, sorted by synset. CIFAR-10 and MNIST must be on this
machine. All features are those of EfficientNet-Lite0 at 224 pixels.

The scores were chosen on the *choosing* sets, against training photos that were left out of the fit: CIFAR-10's
trucks, airplanes, automobiles, birds and deer, letters, blurred noise, gradients, scenes (forests, glaciers,
mountains, the sea, streets), and ImageNet's photos of anything but cats and dogs. The *telling* sets chose nothing and
are compared with the 200 test photos: flowers, buildings (each also as crops of a sample photo of scikit-learn),
digits of MNIST, ships, frogs and horses of CIFAR-10, noise.

- distance: Mahalanobis distance of features of length 1 to the nearest class mean, covariance shared by the classes, of
  rank 0, 8, 32, 128; `raw`: of features as they are
- nearest 5: mean cosine to the five nearest training photos (Sun et al. 2022)
- residual: what the 64 largest principal components of the training features leave of a picture's
- largest probability of a logistic regression (Hendrycks and Gimpel 2017)

For the ImageNet model, without training photos: largest probability, largest logit, energy (Liu et al. 2020), energy
after clipping the features at 1 (ReAct, Sun et al. 2021), GEN (Liu et al. 2023), cosine to the nearest class's
weights, standardized energy. Half of IMAGENET's photos chose, the other half is told from the sets.

Bootstrap intervals: both sets resampled 2,000 times. Writes a dated page and all figures to benchmarks/results/.
"""

import argparse
import datetime
import sys
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results
from unknown import auroc_interval

RESULTS = Path(__file__).parent / "results"
MOST, CROPS, DRAWS = 200, 100, 5
PER_CLASS = (2, 5, 10, 20, 50, 100)
CATS_AND_DOGS = slice(151, 294)  # of ImageNet's classes, with wild dogs and cats


# --- Pictures


def crops(photo, count, seed):
    from sklearn.datasets import load_sample_image

    pixels, random, pieces = load_sample_image(photo), np.random.default_rng(seed), []
    for _ in range(count):
        side = random.integers(150, min(pixels.shape[:2]) + 1)
        top, left = (random.integers(0, length - side + 1) for length in pixels.shape[:2])
        pieces.append(pixels[top : top + side, left : left + side])
    return pieces


def gradients(count, random):
    slope = np.linspace(0, 255, 224)
    return [
        np.clip(
            np.add.outer(random.normal() * slope, random.normal() * slope)[..., None] * random.random(3)
            + random.integers(0, 255, 3),
            0,
            255,
        ).astype(np.uint8)
        for _ in range(count)
    ]


def blurred_noise(count, random):
    from scipy.ndimage import gaussian_filter

    pictures = []
    for _ in range(count):
        sigma = np.exp(random.uniform(0, np.log(40)))
        noise = gaussian_filter(random.normal(size=(224, 224, 3)), (sigma, sigma, 0))
        pictures.append(np.clip(128 + 60 * noise / noise.std(), 0, 255).astype(np.uint8))
    return pictures


def letters(count, random):
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    pictures = []
    for _ in range(count):
        image = Image.new("RGB", (224, 224), tuple(random.integers(0, 256, 3).tolist()))
        font = ImageFont.truetype(
            f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", int(random.integers(25, 110))
        )
        word = "".join(random.choice(list("ABCDEFGHKLMNPRSTUVWXYZabdefghknqrst"), random.integers(1, 8)))
        place = tuple(random.integers(5, 100, 2).tolist())
        ImageDraw.Draw(image).text(place, word, font=font, fill=tuple(random.integers(0, 256, 3).tolist()))
        pictures.append(np.asarray(image))
    return pictures


def of_split(data, split, label=None, count=MOST):
    import tellapart

    part = tellapart.open_dataset(data).splits[split]
    rows = range(len(part.labels)) if label is None else np.flatnonzero(part.labels == label)
    return [part.images.read(row) for row in list(rows)[:count]]


def of_folder(folder, count=300):
    from tellapart.api.predict import files_in

    files = files_in([folder])[0]
    rows = np.sort(np.random.default_rng(0).permutation(len(files))[:count])
    return [files[row] for row in rows]


def choosing_sets(options):
    random = np.random.default_rng(1)
    names = {"trucks": 9, "airplanes": 0, "automobiles": 1, "birds": 2, "deer": 4}
    sets = {name: of_split("cifar10", "train", label) for name, label in names.items()}
    sets |= {
        "letters": letters(MOST, random),
        "blurred noise": blurred_noise(MOST, random),
        "gradients": gradients(CROPS, random),
    }
    return sets | ({"scenes": of_folder(options.scenes)} if options.scenes else {})


def telling_sets(options):
    noise = np.random.default_rng(2).integers(0, 256, (CROPS, 224, 224, 3), np.uint8)
    sets = {"flower, crops of a photo": crops("flower.jpg", CROPS, 3)}
    sets |= {"flowers": of_folder(options.flowers)} if options.flowers else {}
    sets |= {"building, crops of a photo": crops("china.jpg", CROPS, 3)}
    sets |= {"buildings": of_folder(options.buildings)} if options.buildings else {}
    sets |= {"digits": of_split("mnist", "test")}
    names = {"ships": 8, "frogs": 6, "horses": 7}
    sets |= {name: of_split("cifar10", "test", label) for name, label in names.items()}
    return sets | {"noise": list(noise)}


class Network:
    """EfficientNet-Lite0: features of pictures, and the logits of ImageNet's classes from features."""

    def __init__(self):
        import tellapart

        self.classifier = tellapart.load("imagenet")
        self.kernel, self.bias = (weights.numpy() for weights in self.weights())

    def weights(self):
        from tellapart.models.backbones import BACKBONES, DEFAULT_BACKBONE, read_weights

        layers = BACKBONES[DEFAULT_BACKBONE].layers(None)
        return [each for each in read_weights(DEFAULT_BACKBONE, layers) if each][-1]

    def features(self, pictures):
        from tellapart.data.decode import load_image
        from tellapart.explanations.examples.features import features

        apply, parts = self.classifier.card.preprocessing.apply, []
        for start in range(0, len(pictures), 100):
            images = [apply(load_image(each, 0)[1].pixels) for each in pictures[start : start + 100]]
            parts.append(features(self.classifier, np.stack(images)))
        return np.concatenate(parts).astype(np.float64)

    def logits(self, features):
        return features @ self.kernel + self.bias


# --- Scores of a transfer model: (features, labels) of training photos -> a function of features


def of_length_one(features):
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def distance(rank):
    def fit(features, labels):
        from tellapart.metrics import novelty

        usual, novelty.RANK = novelty.RANK, rank
        try:
            return novelty.fit_reference(features, labels).score
        finally:
            novelty.RANK = usual

    return fit


def raw_distance(features, labels, rank=32):
    means = np.stack([features[labels == label].mean(0) for label in np.unique(labels)])
    _, lengths, directions = np.linalg.svd(features - means[labels], full_matrices=False)
    variances = lengths**2 / (len(features) - len(means))
    rest = variances[rank:].sum() / (features.shape[1] - rank)

    def score(new):
        away = new[:, None] - means
        along = away @ directions[:rank].T
        inside = np.square(along)
        return ((inside / variances[:rank]).sum(2) + (np.square(away).sum(2) - inside.sum(2)) / rest).min(1)

    return score


def nearest(features, _):
    known = of_length_one(features)
    return lambda new: -np.sort(of_length_one(new) @ known.T, 1)[:, -5:].mean(1)


def residual(features, _):
    mean = of_length_one(features).mean(0)
    directions = np.linalg.svd(of_length_one(features) - mean, full_matrices=False)[2][:64]

    def score(new):
        away = of_length_one(new) - mean
        return np.linalg.norm(away - away @ directions.T @ directions, axis=1)

    return score


def largest_probability(features, labels):
    from sklearn.linear_model import LogisticRegression

    mean, deviation = features.mean(0), features.std(0) + 1e-6
    model = LogisticRegression(C=0.01, max_iter=500).fit((features - mean) / deviation, labels)
    return lambda new: -model.predict_proba((new - mean) / deviation).max(1)


TRANSFER = {
    **{f"distance, rank {rank}": distance(rank) for rank in (0, 8, 32, 49)},
    "distance, raw": raw_distance,
    "nearest 5": nearest,
    "residual": residual,
    "largest probability": largest_probability,
}


# --- Scores of the ImageNet model: functions of features


def imagenet_scores(network):
    from scipy.special import softmax

    from tellapart.metrics.novelty import energy, standardized_energy

    weights = network.kernel - network.kernel.mean(1, keepdims=True)
    weights = weights / np.linalg.norm(weights, axis=0)

    def gen(features):
        largest = np.sort(softmax(network.logits(features), axis=1), 1)[:, -100:]
        return ((largest * (1 - largest)) ** 0.1).sum(1)

    return {
        "largest probability": lambda features: -softmax(network.logits(features), axis=1).max(1),
        "largest logit": lambda features: -network.logits(features).max(1),
        "energy": lambda features: energy(network.logits(features)),
        "ReAct": lambda features: energy(network.logits(np.minimum(features, 1))),
        "GEN": gen,
        "cosine to weights": lambda features: -(of_length_one(features) @ weights).max(1),
        "standardized energy": lambda features: standardized_energy(network.logits(features)),
    }


# --- Tables


def auroc(inside, outside):
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(np.repeat([0, 1], [len(inside), len(outside)]), np.r_[inside, outside]))


def chosen_rows(features, labels, sets):
    """Return a row for each score: fitted to half of the training photos, which leaves half to tell from each set."""
    rows = []
    for name, fit in TRANSFER.items():
        areas = []
        for draw in range(3):
            fitted = np.random.default_rng(draw).permutation(len(features)) < len(features) // 2
            score = fit(features[fitted], labels[fitted])
            inside = score(features[~fitted])
            areas.append([auroc(inside, score(outside)) for outside in sets.values()])
        rows.append(row_of(name, dict(zip(sets, np.mean(areas, 0), strict=True))))
    return rows


def row_of(name, areas):
    return {
        "score": name,
        **{each: f"{area:.3f}" for each, area in areas.items()},
        "smallest": f"{min(areas.values()):.3f}",
        "mean": f"{np.mean(list(areas.values())):.4f}",
    }


def told_rows(inside, limit, scores_of, sets, others):
    rows = []
    for name, features in sets.items():
        scores = scores_of(features)
        low, high = auroc_interval(inside, scores)
        rows.append(
            {
                "set": name,
                "n": len(scores),
                "AUROC": f"{auroc(inside, scores):.4f}",
                "95% interval": f"{low:.4f} to {high:.4f}",
                "above the limit": f"{(scores > limit).mean():.1%}",
                **{label: f"{auroc(known, other(features)):.4f}" for label, (known, other) in others.items()},
            }
        )
    return rows


def few_rows(features, labels, test, sets):
    """Return a row for each number of photos a class: means over draws."""
    from tellapart.metrics.novelty import fit_reference_and_limit

    rows = []
    for count in (*PER_CLASS, int(np.bincount(labels).min())):
        areas, refused, above = [], [], []
        for draw in range(DRAWS):
            random = np.random.default_rng(draw)
            of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
            drawn = np.concatenate([random.permutation(each)[:count] for each in of_class])
            reference, limit = fit_reference_and_limit(features[drawn], labels[drawn])
            inside = reference.score(test)
            outside = [reference.score(each) for each in sets.values()]
            areas.append([auroc(inside, each) for each in outside])
            if limit is not None:
                refused.append((inside > limit).mean())
                above.append([(each > limit).mean() for each in outside])
        rows.append(
            {
                "photos a class": count,
                "AUROC, mean": f"{np.mean(areas):.4f}",
                "AUROC, worst set": f"{np.mean(areas, 0).min():.4f}",
                "own test photos above the limit": f"{np.mean(refused):.1%}" if refused else "no limit",
                "other pictures above it": f"{np.mean(above):.1%}" if above else "no limit",
            }
        )
    return rows


def imagenet_part(network, photos, choosing, telling, test):
    """Return the tables of the ImageNet model; in distribution are photos of its classes."""
    from tellapart.classifier.backbone_model import NOVELTY

    assert len(photos) == len(network.bias), "one photo for each class"
    half = np.random.default_rng(0).permutation(len(photos)) < len(photos) // 2
    scores = imagenet_scores(network)
    rows = [
        row_of(name, {each: auroc(score(photos[half]), score(sets)) for each, sets in choosing.items()})
        for name, score in scores.items()
    ]
    score, plain = scores["standardized energy"], scores["largest probability"]
    others = {
        "by largest probability": (plain(photos[~half]), plain),
        "from cats and dogs": (score(test), score),
    }
    told = told_rows(score(photos[~half]), NOVELTY.limit, score, telling, others)
    return (
        rows,
        told,
        {
            "limit": NOVELTY.limit,
            "own_above": float((score(photos[~half]) > NOVELTY.limit).mean()),
            "cats_and_dogs_above": float((score(test) > NOVELTY.limit).mean()),
        },
    )


def page(record):
    lines = [
        f"# Pictures of none of the classes: AUROC, {record['date']}",
        "",
        "0.5 is chance, 1 perfect. The features are EfficientNet-Lite0's at 224 pixels.",
        "",
        "## A model of cats and dogs: the sets that chose the score",
        "",
        "Each score is fitted to half of the 400 training photos; the other half is told from each set (mean of three "
        "divisions).",
        "",
        table(record["chosen"], list(record["chosen"][0])),
        "",
        "## The sets that chose nothing",
        "",
        f"`distance, rank 32`, fitted to all 400 training photos, against the 200 test photos. Its limit is "
        f"{record['limit']:.3f}; {record['own_above']:.1%} of the test photos lie above it. In the model file it "
        f"takes {record['bytes'] / 1000:.0f} kB.",
        "",
        table(record["told"], list(record["told"][0])),
        "",
        f"## Few training photos (means of {DRAWS} draws, the same sets)",
        "",
        table(record["few"], list(record["few"][0])),
        "",
    ]
    if "imagenet" in record:
        lines += [
            "## The ImageNet model, without training photos",
            "",
            "In distribution is one photo of each class, half of them for choosing. Trucks, airplanes, automobiles, "
            "birds, ships, frogs and many scenes are among its 1,000 classes, only shown in 32 x 32 pixels.",
            "",
            table(record["imagenet_chosen"], list(record["imagenet_chosen"][0])),
            "",
            f"`standardized energy`, its limit {record['imagenet']['limit']}: "
            f"{record['imagenet']['own_above']:.1%} of the other half lie above it, and "
            f"{record['imagenet']['cats_and_dogs_above']:.1%} of the 200 test photos of cats and dogs. The last column "
            "tells the sets from those photos, which the network has never seen.",
            "",
            table(record["imagenet_told"], list(record["imagenet_told"][0])),
            "",
        ]
    return "\n".join([*lines, *origin_lines(record)])


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True)
    for name in ("flowers", "buildings", "scenes", "imagenet"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def main():
    options = arguments()
    import tellapart
    from tellapart.metrics.novelty import fit_reference_and_limit

    machine, now = hardware(), datetime.datetime.now().astimezone()
    network, splits = Network(), tellapart.open_dataset(options.photos).splits
    train, test = (
        network.features([splits[name].images.read(row) for row in range(len(splits[name].labels))])
        for name in ("train", "test")
    )
    labels = np.asarray(splits["train"].labels)
    choosing = {name: network.features(each) for name, each in choosing_sets(options).items()}
    telling = {name: network.features(each) for name, each in telling_sets(options).items()}
    own_choosing = dict(choosing)
    if options.imagenet:
        photos = network.features(sorted(options.imagenet.rglob("*.JPEG")))
        own_choosing["other things"] = np.delete(photos, CATS_AND_DOGS, axis=0)
    reference, limit = fit_reference_and_limit(train, labels)
    inside, others = reference.score(test), {}
    for name in ("nearest 5", "largest probability"):
        score = TRANSFER[name](train, labels)
        others[f"by {name}"] = (score(test), score)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/none_of_these.py "
        + " ".join(each if each.startswith("--") else "FOLDER" for each in sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "limit": limit,
        "own_above": float((inside > limit).mean()),
        "bytes": sum(array.nbytes for array in reference.to_arrays().values()),
        "chosen": chosen_rows(train, labels, own_choosing),
        "told": told_rows(inside, limit, reference.score, telling, others),
        "few": few_rows(train, labels, test, telling),
    }
    if options.imagenet:
        chosen, told, shares = imagenet_part(network, photos, choosing, telling, test)
        record |= {"imagenet_chosen": chosen, "imagenet_told": told, "imagenet": shares}
    write_results(options.results, "none_of_these", now, page(record), record)


if __name__ == "__main__":
    main()
