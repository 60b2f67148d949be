"""How long does `explain` take for a photo of 224 pixels? The whole command, from starting to the page on disk.

    python benchmarks/explain_times.py PHOTO PHOTO [--rounds 3] [--networks NAME ...]

For each network the command explains the first photo (`one`), both photos (`two`, minus `one`: the second photo of a
run), and the first with `--quick`; the rounds go through the networks in turn, so that a slow minute of a shared
machine hits all. Networks other than the built-in one have random weights and random batch statistics, so that no
change of a photo changes the prediction and every amount is tried: the slowest case.

Reported are medians of the seconds on the wall, and of the processor time of all threads, which a busy machine changes
less: on two quiet cores the wall time lies between half of it and all of it.

Writes a dated page and all runs to benchmarks/results/.
"""

import argparse
import datetime
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from explain_numbers import classifier_of, networks, vit
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
BUILT_IN = "EfficientNet-Lite0 (built-in)"


def photo_networks(keras):
    """Return name -> function that builds it; None: the built-in ImageNet model."""
    of_photos = {
        name: build for name, build in networks(keras).items() if "224" in name and "Lite0" not in name
    }
    return {
        BUILT_IN: None,
        **of_photos,
        "small ViT, 224 x 224": lambda: vit(keras, size=224, width=192, depth=12, patch=16),
    }


def timed(model, photos, options, folder):
    """Return the wall and processor seconds of one command."""
    command = [sys.executable, "-m", "tellapart", "explain", str(model), *map(str, photos), *options]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(folder), "--quiet"], capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    return {
        "wall": wall,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "load": os.getloadavg()[0],
    }


def files_of(names, folder):
    """Return name -> what the command calls the model: a file saved here, or the built-in one's name."""
    import tellapart.api  # noqa: F401 (chooses Keras's backend)

    import keras  # isort: skip

    files = {}
    for number, (name, build) in enumerate(photo_networks(keras).items()):
        if names and name not in names:
            continue
        files[name] = "imagenet" if build is None else folder / f"{number}.keras"
        if build is not None:
            classifier_of(name, build).save(files[name])
    return files


def row_of(name, runs):
    def median(kind, measure):
        return statistics.median(run[measure] for run in runs[kind])

    return {
        "network": name,
        "one photo, s": median("one", "wall"),
        "processor, s": median("one", "processor"),
        "second photo, s": median("two", "wall") - median("one", "wall"),
        "its processor, s": median("two", "processor") - median("one", "processor"),
        "--quick, s": median("quick", "wall"),
        "quick's processor, s": median("quick", "processor"),
        "load": statistics.median(run["load"] for of_kind in runs.values() for run in of_kind),
    }


def page_of(record):
    rows = [row_of(name, runs) for name, runs in record["runs"].items()]
    return "\n".join(
        [
            f"# How long `explain` takes for a photo, {record['date']}",
            "",
            f"Whole command, median of {record['rounds']}. Processor: of all threads together. Load: of the last "
            "minute, this command included.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs=2, type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", nargs="*")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    kinds = {"one": (options.photos[:1], []), "two": (options.photos, [])}
    kinds["quick"] = (options.photos[:1], ["--quick"])
    with tempfile.TemporaryDirectory() as place:
        files = files_of(options.networks, Path(place))
        runs = {name: {kind: [] for kind in kinds} for name in files}
        for _ in range(options.rounds):
            for name, file in files.items():
                for kind, (photos, more) in kinds.items():
                    runs[name][kind].append(timed(file, photos, more, Path(place) / "pages"))
                    print(name, kind, runs[name][kind][-1], flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/explain_times.py " + shlex.join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "rounds": options.rounds,
        "runs": runs,
    }
    write_results(options.results, "explain_times", now, page_of(record), record)


if __name__ == "__main__":
    main()
