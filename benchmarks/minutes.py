"""Trainings with a number of minutes: accuracy, seconds against those asked, how often the forecast's interval holds.

    python benchmarks/minutes.py [--data cifar10 PHOTOS mnist] [--minutes 1 3 10] [--seeds 3] [--short]
    python benchmarks/minutes.py --courses [--photos PHOTOS]

Each run is a whole command in a process of its own, `tellapart train DATA --minutes M --json`, timed from its start to
its end. By default 3 data sets, 3 numbers of minutes and 3 seeds: 27 runs, over two hours, on a quiet machine. With
--short: 0.3 and 1 minute, one seed.

--courses measures what a forecast expects beforehand: the held-out error of whole schedules of 4, 8, 16, ... steps
from scratch, and of last layers fitted to ever more pictures. From them come the ranges in `recipes/in_minutes.py`.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
COURSES = ("digits", "mnist", "cifar10")
PICTURES, LONGEST = 2000, 256


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["cifar10", "mnist"])
    parser.add_argument("--minutes", type=float, nargs="+")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--courses", action="store_true")
    parser.add_argument(
        "--photos", help="a folder of photos with class folders, for the courses of last layers"
    )
    options = parser.parse_args()
    options.minutes = options.minutes or ([0.3, 1] if options.short else [1, 3, 10])
    options.seeds = options.seeds or (1 if options.short else 3)
    machine, now = hardware(), datetime.datetime.now(datetime.UTC)
    if options.courses:
        record = {"courses": [*courses_of_steps(), *courses_of_pictures(options.photos)]}
        command = "python benchmarks/minutes.py --courses --photos PHOTOS"
        name, write = "minutes-courses", page_of_courses
    else:
        record = {"runs": [*runs(options)]}
        named = [data if len(Path(data).parts) == 1 else "PHOTOS" for data in options.data]
        command = (
            f"python benchmarks/minutes.py --data {' '.join(named)} --minutes "
            f"{' '.join(f'{each:g}' for each in options.minutes)} --seeds {options.seeds}"
        )
        name, write = "minutes", page_of_runs
    record |= {"hardware": machine, "versions": versions(), "command": command}
    write_results(RESULTS, name, now, write(record, now), record)


def runs(options):
    """Yield one record a training."""
    for data in options.data:
        for minutes in options.minutes:
            for seed in range(options.seeds):
                run = trained(data, minutes, seed)
                print(run, flush=True)
                yield run


def trained(data, minutes, seed):
    """Run the command; return what it asked for, forecast and reached."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "tellapart",
            "train",
            data,
            "--minutes",
            f"{minutes:g}",
            "--seed",
            str(seed),
        ]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "--json", "--quiet", "--out", str(Path(folder) / "run")],
            capture_output=True,
            text=True,
        )
        seconds = time.perf_counter() - began
    base = {"data": Path(data).name, "minutes": minutes, "seed": seed, "seconds": seconds}
    if done.returncode:
        return {**base, "error": done.stderr[-400:]}
    told = json.loads(done.stdout)
    forecast = told["forecast"]
    return {
        **base,
        "test": told["scores"]["accuracy"],
        "held_out": forecast["outcome"]["accuracy"],
        **{name: forecast[name] for name in ("accuracy", "low", "high", "pictures", "chosen", "basis")},
        "inside": forecast["outcome"]["inside"],
    }


def page_of_runs(record, now):
    done = [run for run in record["runs"] if "error" not in run]
    rows = [
        {
            "data": run["data"],
            "minutes": f"{run['minutes']:g}",
            "seed": run["seed"],
            "seconds": f"{run['seconds']:.1f}",
            "of those asked": f"{run['seconds'] / 60 / run['minutes']:.1%}",
            "forecast": f"{run['accuracy']:.1%} ({run['low']:.1%} to {run['high']:.1%})",
            "held-out": f"{run['held_out']:.1%} of {run['pictures']:,}",
            "inside": "yes" if run["inside"] else "no",
            "test": f"{run['test']:.1%}",
            "chosen": run["chosen"].partition(";")[0],
        }
        for run in done
    ]
    failed = [
        f"- {run['data']}, {run['minutes']:g} minutes: {run['error']}"
        for run in record["runs"]
        if "error" in run
    ]
    late = sum(run["seconds"] > 1.05 * 60 * run["minutes"] for run in done)
    inside = sum(run["inside"] for run in done)
    return "\n".join(
        [
            f"# Trainings with a number of minutes, {now:%Y-%m-%d}",
            "",
            f"{inside} of {len(done)} outcomes lie in the 90% interval of their forecast; {late} of {len(done)} "
            "commands took more than 105% of the minutes asked. Seconds: the whole command, from its start to its end.",
            "",
            table(rows, list(rows[0])) if rows else "",
            "",
            *failed,
            *origin_lines(record),
        ]
    )


def courses_of_steps():
    """Yield the error of whole schedules by their steps, of the two networks of `fast`, for two seeds."""
    from tellapart import open_dataset
    from tellapart.api.configure import configured
    from tellapart.api.listener import Listener
    from tellapart.api.minutes.sample import sampled
    from tellapart.api.minutes.scratch import measure_scratch
    from tellapart.metrics.learning_curve import guessing_error
    from tellapart.recipes.in_minutes import candidates

    for name in COURSES:
        dataset = few(open_dataset(name, download=True), PICTURES)
        for seed in range(2):
            config = configured(
                "fast", dataset.mirrors, True, None, {"seed": seed, "epochs": LONGEST}, PICTURES
            )
            for each in list(candidates(config, PICTURES, None))[-1:]:
                sample = sampled(dataset, each, 60.0, Listener())
                scored = measure_scratch(each, sample, seconds=50.0).scored
                course = {
                    "kind": "steps",
                    "data": name,
                    "seed": seed,
                    "start": guessing_error(sample.class_counts),
                    "scored": [list(point) for point in scored],
                }
                print(course, flush=True)
                yield course


def courses_of_pictures(photos):
    """Yield the error of last layers on a backbone's features by the pictures that they are fitted to."""
    from tellapart import open_dataset
    from tellapart.api.configure import configured
    from tellapart.api.listener import Listener
    from tellapart.api.minutes.sample import sampled
    from tellapart.inference.feature_net import FeatureNet
    from tellapart.metrics.learning_curve import guessing_error
    from tellapart.training.head_choice import Views, choose_on_held_out

    for name, side in (("cifar10", 96), ("mnist", 96), *([(photos, 128)] if photos else [])):
        dataset = few(open_dataset(name, download=True), 2000)
        config = configured("transfer", dataset.mirrors, True, None, {"size": side}, 2000)
        sample = sampled(dataset, config, 60.0, Listener())
        store, classes = sample.stores["train"], len(dataset.class_names)
        views = Views([FeatureNet(sample.backbone.features)(store.images, None, "float32")], store.labels)
        for seed in range(2):
            rows = np.random.default_rng(seed).permutation(len(store))
            tested = min(600, len(rows) // 2)
            held_out, others = views.take(rows[:tested]), rows[tested:]
            scored = []
            for count in sorted({25, 50, 100, 200, 400, 800, len(others)}):
                if count > len(others):
                    break
                fitted = views.take(others[:count])
                if np.bincount(fitted.labels, minlength=classes).min() < 2:
                    continue
                choice = choose_on_held_out(fitted, held_out, classes, config.head.penalties, seed)
                wrong = int((choice.predicted.plain.argmax(1) != held_out.labels).sum())
                scored.append([len(fitted.labels), wrong, tested])
            start = guessing_error(sample.class_counts)
            course = {
                "kind": "pictures",
                "data": Path(name).name,
                "seed": seed,
                "start": start,
                "scored": scored,
            }
            print(course, flush=True)
            yield course


def few(dataset, count):
    """Return a data set with so many training pictures, of each class its share."""
    from tellapart.data.split import draw

    train = dataset.splits["train"]
    if len(train) <= count:
        return dataset
    kept = train.take(draw(train.ids, train.labels, count, 0))
    return dataset.replace(splits={**dataset.splits, "train": kept})


def page_of_courses(record, now):
    from tellapart.recipes.in_minutes import OF_PICTURES, OF_STEPS

    priors = {"steps": OF_STEPS, "pictures": OF_PICTURES}
    rows, inside, forecasts = [], 0, 0
    for course in record["courses"]:
        fitted = fit(course, priors[course["kind"]])
        course |= fitted
        inside, forecasts = inside + fitted["inside"], forecasts + fitted["forecasts"]
        points = ", ".join(f"{length:g}: {wrong / images:.1%}" for length, wrong, images in course["scored"])
        rows.append(
            {
                "of": course["kind"],
                "data": course["data"],
                "seed": course["seed"],
                "held-out error by length": points,
                **{name: f"{fitted[name]:.3g}" for name in ("floor", "scale", "power", "residual")},
            }
        )
    return "\n".join(
        [
            f"# Courses of learning, {now:%Y-%m-%d}",
            "",
            "Held-out error of whole schedules of `fast` with its smaller network by their steps "
            f"({PICTURES:,} pictures), and of last layers on EfficientNet-Lite0's features by the pictures that they "
            "are fitted to. floor, scale and power: medians of the fit, the floor as a share of the error of guessing. "
            "residual: standard deviation of the points around it, in log-odds, beyond that of counting.",
            "",
            f"Forecasts of each point from two to four times as long as all those before it: {inside} of {forecasts} "
            "lie in the 90% interval.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )


def fit(course, prior):
    """Return the fit's medians, its residual, and how many later points lie in the interval of their forecast."""
    from tellapart.metrics.learning_curve import LearningCurve, Scored

    points = [Scored(*point) for point in course["scored"]]
    curve = LearningCurve(prior, course["start"], points)

    def median(values):
        order = np.argsort(values)
        return float(values[order][np.searchsorted(np.cumsum(curve.weights[order]), 0.5)])

    def log_odds(share):
        return np.log(share / (1 - share))

    off = []
    for point in points:
        share = (point.wrong + 0.5) / (point.images + 1)
        expected = curve.error(point.length, 10**9).middle
        off.append((log_odds(share) - log_odds(expected)) ** 2 - 1 / (point.images * share * (1 - share)))
    inside = forecasts = 0
    for index in range(3, len(points)):
        later = points[index]
        expected = LearningCurve(prior, course["start"], points[: index - 1]).error(
            later.length, later.images
        )
        inside += expected.low <= later.wrong / later.images <= expected.high
        forecasts += 1
    return {
        "floor": median(curve.floor) / course["start"],
        "scale": median(curve.scale),
        "power": median(curve.power),
        "residual": max(0.0, float(np.mean(off))) ** 0.5,
        "inside": inside,
        "forecasts": forecasts,
    }


if __name__ == "__main__":
    main()
