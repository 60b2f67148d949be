"""What it costs in quality to decode JPEGs at a reduced size, and to resample in torch's kernels for bytes.

    python benchmarks/reduced_decoding.py PHOTOS

For each photo in PHOTOS and each factor by which `fitted` divides the sides (2, 4, 8), the photo is brought to
the largest square at which that factor is allowed, by "fast" and by "exact" reading, and the two are compared: levels,
mean and 99.9th percentile of the pixels. Beside them, the same without reduction: torch against Pillow alone.
Then EfficientNet-Lite0 looks at both, enlarged alike to its 224 pixels: how many are the thing that their folder is
named after (cat, dog), and by how much the probability of the likeliest of 1,000 classes moves.

Prints a page and writes it, with every photo's figures, to benchmarks/results/.
"""

import argparse
import datetime
import sys
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, versions, write_results

RESULTS = Path(__file__).parent / "results"
NETWORK_SIDE = 224


def sides_of(path):
    """Return {reduction: side of the largest square at which it is taken}; 1: half the shorter side."""
    from tellapart.data.decode import image_shape
    from tellapart.data.decoding.jpeg import ENOUGH, REDUCTIONS

    shorter = min(image_shape(path)[:2])
    return {1: shorter // 2} | {reduction: int(shorter / reduction / ENOUGH) for reduction in REDUCTIONS}


def compared(paths):
    """Return {reduction: (pairs of networks' inputs, [mean, 99.9th percentile] of each photo's differences)}."""
    from tellapart.data.fitted import fitted
    from tellapart.data.preprocess import Preprocessing

    enlarge = Preprocessing(height=NETWORK_SIDE, width=NETWORK_SIDE)
    found = {}
    for path in paths:
        for reduction, side in sides_of(path).items():
            pair = [
                fitted(path, Preprocessing(height=side, width=side, reading=reading)).pixels
                for reading in ("exact", "fast")
            ]
            apart = np.abs(pair[0].astype(int) - pair[1])
            inputs, differences = found.setdefault(reduction, ([], []))
            inputs.append([enlarge.apply(image) for image in pair])
            differences.append([float(apart.mean()), float(np.percentile(apart, 99.9))])
    return found


def right_of(model, images, things):
    """Return how many images show, by the model, the thing that they should."""
    predictions, _ = model.predict(images, top=1)
    return sum(
        prediction.group is not None and prediction.group.name == thing
        for prediction, thing in zip(predictions, things, strict=True)
    )


def page_of(found, record):
    """Return the page, and add every figure to the record."""
    import tellapart

    model = tellapart.load("imagenet")
    lines = [
        f"# Decoding at a reduced size, {record['date']}",
        "",
        f"{record['photos']} photos; fast against exact reading.",
        "",
        "| divided by | levels apart, mean | 99.9th percentile | right, exact | right, fast | probability moves by |",
        "|---|---|---|---|---|---|",
    ]
    for reduction, (inputs, differences) in sorted(found.items()):
        exact, fast = (
            model.probabilities(np.stack([pair[which] for pair in inputs]), tta_views=1) for which in (0, 1)
        )
        right = [right_of(model, [pair[which] for pair in inputs], record["things"]) for which in (0, 1)]
        moved = float(np.abs(exact.max(1) - fast[np.arange(len(fast)), exact.argmax(1)]).mean())
        mean, high = np.mean(differences, axis=0)
        record[f"divided by {reduction}"] = {"levels": differences, "right": right, "moved": moved}
        lines.append(f"| {reduction} | {mean:.2f} | {high:.1f} | {right[0]} | {right[1]} | {moved:.4f} |")
    return "\n".join([*lines, "", *origin_lines(record)])


def main():
    """Compare, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, help="folder of JPEG photos")
    parser.add_argument("--every", type=int, default=1, help="only every nth photo")
    arguments = parser.parse_args()
    paths = sorted(arguments.photos.rglob("*.jpg"))[:: arguments.every]
    if not paths:
        raise SystemExit(f"{arguments.photos}: no .jpg in it. Name a folder of photos.")
    now = datetime.datetime.now().astimezone()
    record = {
        "date": f"{now:%Y-%m-%d %H:%M}",
        "photos": len(paths),
        "things": [path.parent.name for path in paths],
        "command": " ".join(["python", *sys.argv]),
        "hardware": hardware(),
        "versions": versions(),
    }
    write_results(RESULTS, "reduced_decoding", now, page_of(compared(paths), record), record)


if __name__ == "__main__":
    main()
