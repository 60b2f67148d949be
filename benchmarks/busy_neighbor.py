"""Busy neighbors: time of a training step while other programs use the CPU, by how its threads wait.

    python benchmarks/busy_neighbor.py [--rounds 3] [--steps 40]

The tutorial's network trains on batches of 32 noise images with the settings of `quick`, in a new process for each
figure: on images of the size of digits (16 x 16 x 1) and of CIFAR-10 (32 x 32 x 3), beside no busy loop, one, and
one per core, with

- default: torch's default; its OpenMP threads spin for milliseconds while they wait for each other,
- brief: GOMP_SPINCOUNT=1000; they spin for microseconds, then sleep,
- one: one thread, as tellapart trains when a step is small (`runtime/threads.py`).

Each figure is the median over the rounds of a process's median milliseconds per step. Writes a dated page to
benchmarks/results/. Source of the setting: libgomp's manual, GOMP_SPINCOUNT.
"""

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
WAITING = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
WAYS = {"default": {}, "brief": {"GOMP_SPINCOUNT": "1000"}, "one": {"OMP_NUM_THREADS": "1"}}
SHAPES = ((16, 16, 1), (32, 32, 3))
LONGEST = 60.0
"""Seconds after which a process stops counting steps."""


def step_milliseconds(shape, steps):
    """Return the median over `steps` steps, or over as many as LONGEST allows."""
    import numpy as np

    import tellapart.api  # noqa: F401 (chooses Keras's backend)
    from tellapart.data.sampler import BatchSampler
    from tellapart.data.store import ImageStore
    from tellapart.lowering import lower
    from tellapart.recipes.build import build_model, build_step
    from tellapart.recipes.recipes import quick
    from tellapart.runtime.allocator import keep_freed_memory
    from tellapart.runtime.precision import resolve
    from tellapart.training.loader import DataLoader

    config, random = quick(), np.random.default_rng(0)
    images = random.integers(0, 256, (1024, *shape), np.uint8)
    store = ImageStore(images, random.integers(0, 10, len(images)), tuple(map(str, range(len(images)))))
    net = lower(build_model(config, shape, 10, 32, images), resolve(config.precision))
    step = build_step(config, net, 1000)
    loader = DataLoader(
        store, 10, BatchSampler(n=len(store), batch_size=32, seed=0), config.augmentation, net.device
    )
    taken, began = [], time.perf_counter()
    with keep_freed_memory():
        for number in range(steps + 5):
            before = time.perf_counter()
            step(*loader.batch(number // 32, number % 32))
            taken.append(1e3 * (time.perf_counter() - before))
            if time.perf_counter() - began > LONGEST:
                break
    return statistics.median(taken[5:] or taken)


@contextmanager
def busy(count):
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measured(shape, way, steps):
    environment = {name: value for name, value in os.environ.items() if name not in WAITING} | WAYS[way]
    command = [sys.executable, __file__, "--steps", str(steps), "--shape", *map(str, shape)]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def measure_all(rounds, steps):
    rows = []
    for count in sorted({0, 1, os.cpu_count()}):
        with busy(count):
            for shape in SHAPES:
                taken = {way: [] for way in WAYS}
                for _ in range(rounds):
                    for way, all_of_way in taken.items():
                        all_of_way.append(measured(shape, way, steps))
                        print(count, shape, way, f"{all_of_way[-1]:.2f} ms", file=sys.stderr, flush=True)
                rows.append({"busy loops": count, "pictures": list(shape), "milliseconds": taken})
    return rows


def page_of(record):
    rows = [
        {
            "busy loops": str(row["busy loops"]),
            "pictures": " x ".join(map(str, row["pictures"])),
            **{way: in_words(times) for way, times in row["milliseconds"].items()},
        }
        for row in record["found"]
    ]
    lines = [
        f"# Busy neighbors, {record['date']}",
        "",
        "Milliseconds per step of 32 images: median (range).",
        "",
    ]
    return "\n".join([*lines, table(rows, list(rows[0])), "", *origin_lines(record)])


def in_words(times):
    return f"{statistics.median(times):.1f} ({min(times):.1f}-{max(times):.1f})"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--shape", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.shape:
        print(step_milliseconds(tuple(options.shape), options.steps))
        return
    now = datetime.datetime.now().astimezone()
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": f"python benchmarks/busy_neighbor.py --rounds {options.rounds} --steps {options.steps}",
        "found": measure_all(options.rounds, options.steps),
        "hardware": hardware(),
        "versions": versions(),
    }
    write_results(RESULTS, "busy_neighbor", now, page_of(record), record)


if __name__ == "__main__":
    main()
