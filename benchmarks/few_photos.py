"""Few photos: test accuracy with 5, 10, 20 and 50 photos a class, by transfer and from scratch.

    python benchmarks/few_photos.py PHOTOS [--counts 5 10 20 50] [--draws 5] [--recipes transfer fast]

PHOTOS has train/<class> and test/<class>. Each draw takes as many training photos of each class at random (the draw
is the seed), trains by the recipe's own settings, and scores the test photos once; nothing is chosen by them. The
interval is Student's 95% interval of the mean over the draws; the test photos are the same in all of them, which it
does not tell.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import random
import statistics
import tempfile
import time
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 10, 20, 50])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--recipes", nargs="+", default=["transfer", "fast"])
    options = parser.parse_args()
    machine = hardware()
    rows = [
        {"recipe": recipe, "count": count, "draw": draw, **trained(options.photos, recipe, count, draw)}
        for count in options.counts
        for draw in range(options.draws)
        for recipe in options.recipes
    ]
    now = datetime.datetime.now(datetime.UTC)
    command = f"python benchmarks/few_photos.py PHOTOS --counts {' '.join(map(str, options.counts))} " + (
        f"--draws {options.draws} --recipes {' '.join(options.recipes)}"
    )
    record = {"runs": rows, "hardware": machine, "versions": versions(), "command": command}
    write_results(RESULTS, "few_photos", now, page(record, options, now), record)


def trained(photos, recipe, count, draw):
    """Train on a draw of photos; return accuracy, test photos and seconds."""
    import tellapart

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        chooser = random.Random(draw)
        for split in ("train", "test"):
            for of_class in sorted(path for path in (photos / split).iterdir() if path.is_dir()):
                files = sorted(path for path in of_class.iterdir() if path.suffix.lower() in SUFFIXES)
                used = chooser.sample(files, count) if split == "train" else files
                (folder / "photos" / split / of_class.name).mkdir(parents=True)
                for path in used:
                    (folder / "photos" / split / of_class.name / path.name).symlink_to(path.resolve())
        began = time.perf_counter()
        result = tellapart.train(
            folder / "photos", recipe=recipe, seed=draw, out=folder / "run", verbose=False
        )
        seconds = time.perf_counter() - began
    return {"accuracy": result.scores.accuracy, "test": result.scores.pictures, "seconds": seconds}


def interval(values):
    """Return the mean and half the width of Student's 95% interval."""
    from scipy.stats import t

    if len(values) < 2:
        return values[0], float("nan")
    error = statistics.stdev(values) / len(values) ** 0.5
    return statistics.mean(values), float(t.ppf(0.975, len(values) - 1)) * error


def page(record, options, now):
    lines = []
    for count in options.counts:
        for recipe in options.recipes:
            runs = [run for run in record["runs"] if (run["count"], run["recipe"]) == (count, recipe)]
            mean, half = interval([run["accuracy"] for run in runs])
            each = ", ".join(f"{100 * run['accuracy']:.1f}" for run in runs)
            seconds = statistics.median(run["seconds"] for run in runs)
            lines.append(
                {
                    "photos a class": count,
                    "recipe": recipe,
                    "accuracy": f"{100 * mean:.1f} ± {100 * half:.1f}%",
                    "each draw, %": each,
                    "seconds": f"{seconds:.1f}",
                }
            )
    tested = record["runs"][0]["test"]
    return "\n".join(
        [
            f"# Few photos, {now:%Y-%m-%d}",
            "",
            f"Test accuracy on the same {tested} photos; mean over {options.draws} draws of the training photos with "
            "its 95% interval (Student), and each draw. Seconds: median, with the report.",
            "",
            table(lines, list(lines[0])),
            "",
            *origin_lines(record),
        ]
    )


if __name__ == "__main__":
    main()
