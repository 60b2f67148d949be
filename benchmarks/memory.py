"""A set ten times the memory given: how much memory a training takes, and how long it waits for pictures.

    python benchmarks/memory.py

Makes 80,000 JPEG files of 256 x 256 pixels in two classes (2,000 different ones, the others links to them, which
tellapart cannot tell from files of their own) and trains on them at 224 pixels with a budget of 1 GiB for decoded
pictures: these are 12 GB. Twice, each in a process of its own:

- first: decodes everything into the cache folder's file, then trains;
- again: finds that file, checks it, and trains.

Resident memory is looked at ten times a second, from before the imports to the end. Once a training has begun, the
system is told to forget the file's pages, so that steps read from the disk. Waiting: the time in which a step had to
wait for its pictures, as a share of all time from the first step to the last, without the first.

Needs 13 GB in the temporary folder (TMPDIR). Fails if resident memory passes the budget by more than 1 GiB or waiting
5%. Prints a page and writes it, with every step, to benchmarks/results/.
"""

import argparse
import datetime
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from machine import hardware, origin_lines, versions, write_results
from PIL import Image

RESULTS = Path(__file__).parent / "results"
SIDE, BATCH = 224, 8
"""Of the network `fast`: in a batch of 16 such pictures, its feature maps alone take a gigabyte."""

DIFFERENT = 2_000
MOST_WAITING = 0.05
BEYOND_BUDGET = 2**30


def make_pictures(folder, count):
    """Write a data set: training pictures, and a few to test."""
    random = np.random.default_rng(0)
    first = []
    for number in range(count):
        split = "test" if number % 200 == 199 else "train"
        place = folder / split / f"class{number % 2}" / f"{number:06}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        if number < DIFFERENT:
            small = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8))
            file = io.BytesIO()
            small.resize((256, 256), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
            place.write_bytes(file.getvalue())
            first.append(place)
        else:
            os.link(first[number % DIFFERENT], place)


def train_some(data, memory, steps, out):
    """Train a number of steps and stop; print what it took as JSON. The whole of a process."""
    largest, done = [0], threading.Event()
    process = psutil.Process()

    def watch():
        while not done.wait(0.1):
            largest[0] = max(largest[0], process.memory_info().rss)

    threading.Thread(target=watch, daemon=True).start()
    began = time.perf_counter()
    import tellapart
    from tellapart.training import loader

    waits, ends = [], []

    class Watched(loader.ReadAhead):
        def images(self, epoch, step):
            before = self.waited_seconds
            images = super().images(epoch, step)
            waits.append(self.waited_seconds - before)
            return images

    loader.ReadAhead = Watched

    def should_stop():
        if not ends:
            forget_pages()
        ends.append(time.perf_counter())
        return len(ends) > steps

    size = (SIDE, SIDE)
    tellapart.train(
        data,
        recipe="fast",
        size=size,
        batch_size=BATCH,
        memory=memory,
        out=out,
        verbose=False,
        should_stop=should_stop,
    )
    done.set()
    values = {
        "first_step_seconds": ends[0] - began,
        "training_seconds": ends[-1] - ends[0],
        "waits": waits[1:],
        "bytes": largest[0],
    }
    print(json.dumps(values))


def forget_pages():
    """Ask the system to forget what it has cached of the decoded pictures."""
    from tellapart.data.decoded.cache import default_folder

    for path in default_folder().rglob("pixels"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def page_of(found, count, record):
    """Return the page."""
    decoded = count * 3 * SIDE**2
    lines = [
        f"# Memory, {record['date']}",
        "",
        f"{count:,} pictures, {decoded / 1e9:.1f} GB decoded; `--memory {record['memory']}`; {record['steps']} steps "
        f"of {BATCH} pictures.",
        "",
        "| training | seconds to the first step | most resident memory, GiB | seconds a step | waiting for pictures |",
        "|---|---|---|---|---|",
    ]
    for name, values in found.items():
        lines.append(
            f"| {name} | {values['first_step_seconds']:.0f} | {values['bytes'] / 2**30:.2f} | "
            f"{values['training_seconds'] / len(values['waits']):.2f} | {100 * waiting(values):.1f}% |"
        )
    return "\n".join([*lines, "", *origin_lines(record)])


def waiting(values):
    """Return the share of the training's time in which it waited for pictures."""
    return sum(values["waits"]) / values["training_seconds"]


def main():
    """Make the pictures, train twice, and write the page; or be one training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=80_000, help="pictures")
    parser.add_argument("--memory", default="1GiB", help="budget for decoded pictures")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.data:
        train_some(arguments.data, arguments.memory, arguments.steps, arguments.out)
        return
    now = datetime.datetime.now().astimezone()
    record = {
        "date": f"{now:%Y-%m-%d %H:%M}",
        "command": " ".join(["python", *sys.argv]),
        "memory": arguments.memory,
        "steps": arguments.steps,
        "hardware": hardware(),
        "versions": versions(),
    }
    found = {}
    with tempfile.TemporaryDirectory(prefix="tellapart-memory-") as temporary:
        data = Path(temporary, "pictures")
        make_pictures(data, arguments.count)
        for name in ("first", "again"):
            command = [sys.executable, __file__, "--data", data, "--out", Path(temporary, name)]
            command += ["--memory", arguments.memory, "--steps", str(arguments.steps)]
            environment = {**os.environ, "XDG_CACHE_HOME": str(Path(temporary, "cache"))}
            done = subprocess.run(
                [str(part) for part in command], capture_output=True, text=True, env=environment
            )
            if done.returncode:
                raise SystemExit(done.stderr[-3000:])
            found[name] = json.loads(done.stdout.strip().splitlines()[-1])
            print(name, {**found[name], "waits": sum(found[name]["waits"])}, file=sys.stderr, flush=True)
    record["measurements"] = found
    write_results(RESULTS, "memory", now, page_of(found, arguments.count, record), record)
    from tellapart.text import amount_of_bytes

    most = amount_of_bytes(arguments.memory) + BEYOND_BUDGET
    kept = all(values["bytes"] < most and waiting(values) < MOST_WAITING for values in found.values())
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
