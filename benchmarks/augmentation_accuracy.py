"""What augmentation gives: test accuracy of the demo's digits, and of photos learned from scratch, over several seeds.

    python benchmarks/augmentation_accuracy.py digits [--seeds 5]
    python benchmarks/augmentation_accuracy.py PHOTOS [--seeds 3] [--recipe NAME] [--validation-share 0.05]

`digits` trains what `tellapart demo` trains, on the 1,438 training digits, and scores the 359 test digits. PHOTOS is a
folder of photos with splits train and test. Every seed is one training and one look at the test split; nothing was
chosen by these figures.

Prints a page and writes it, with every single figure, to benchmarks/results/.
"""

import argparse
import datetime
import shlex
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"


def settings_of(arguments):
    """Return keyword arguments of `tellapart.train`, without data, seed and folder."""
    from tellapart.recipes.recipes import DEMO_CHANGES, DEMO_EPOCHS

    if arguments.data == "digits":
        return {"recipe": "quick", "epochs": DEMO_EPOCHS, **DEMO_CHANGES}
    settings = {
        "recipe": arguments.recipe,
        "validation_share": arguments.validation_share,
        "augment": arguments.augment,
    }
    return {name: value for name, value in settings.items() if value is not None}


def trained(data, settings, seed):
    """Train once, and return the figures."""
    import tellapart

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = tellapart.train(data, seed=seed, out=Path(folder) / "run", verbose=False, **settings)
        seconds = time.perf_counter() - began
        scores = result.scores
    row = {"seed": seed, "accuracy": scores.accuracy, "pictures": scores.pictures, "seconds": seconds}
    print(row, flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="digits|PHOTOS")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--recipe", default="photos-from-scratch")
    parser.add_argument("--validation-share", type=float, dest="validation_share")
    parser.add_argument("--augment")
    arguments = parser.parse_args()
    seeds = arguments.seeds or (5 if arguments.data == "digits" else 3)
    now = datetime.datetime.now()
    record = {"hardware": hardware(), "versions": versions()}
    record["command"] = shlex.join(["python", *sys.argv])
    rows = record["runs"] = [trained(arguments.data, settings_of(arguments), seed) for seed in range(seeds)]
    shares = [row["accuracy"] for row in rows]
    spread = f" ± {100 * stdev(shares):.2f} (standard deviation)" if len(shares) > 1 else ""
    name = "digits" if arguments.data == "digits" else "photos"
    n = rows[0]["pictures"]
    shown = [{**row, "accuracy": f"{row['accuracy']:.2%}"} for row in rows]
    page = "\n".join(
        [
            f"# Test accuracy with augmentation, {name}, {now:%Y-%m-%d}",
            "",
            f"Mean of {len(rows)} seeds: **{100 * mean(shares):.2f}%**{spread}, n = {n} test pictures.",
            "",
            table(shown, list(shown[0])),
            "",
            *origin_lines(record),
        ]
    )
    write_results(RESULTS, f"augmentation_accuracy-{name}", now, page, record)


if __name__ == "__main__":
    main()
