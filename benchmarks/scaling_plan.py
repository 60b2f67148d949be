"""A plan on paper: what a training on many GPUs asks of disks, networks and processors.

    python benchmarks/scaling_plan.py [--gpus 1000] [--pictures 1e9] [--gpu-rate 2500]

Measured here: how many photos a core decodes to 224 pixels, and the bytes of a checkpoint and the seconds that writing
it takes, for ResNet-50. Taken as given, and printed with the result: what a GPU learns from in a second (`--gpu-rate`),
the bytes of a photo, the latency and bandwidth of the store, the bandwidth of the network. From these:

- bytes a second that shards must give, and cores that must decode;
- gradient bytes that each GPU sends and receives in a step, by ring all-reduce: 2 (N - 1) / N times the weights
  (Patarasuk and Yuan 2009), and how much of a step that is;
- the share of the time that goes into checkpoints;
- how often GPUs wait for pictures: a simulation of one machine of 8 GPUs, in which readers fetch parts of shards, each
  after a latency drawn from a log-normal distribution, ahead of a batch that needs parts at random.

Writes a dated page to benchmarks/results/.
"""

import argparse
import datetime
import heapq
import io
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image

HERE = Path(__file__).parent
GPUS_OF_A_MACHINE = 8
PART = 4 << 20
"""Bytes of a part of a shard, as `data.shards` reads them."""


def photos(count, side=(500, 375)):
    """Return JPEG files of smooth noise, of about the size of photos."""
    random, files = np.random.default_rng(0), []
    for _ in range(count):
        small = random.integers(0, 256, (24, 32, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(small).resize(side, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


def decoded_a_second(seconds=6):
    """Return how many photos one core reads to 224 pixels, as a training does."""
    from tellapart.data.decoded.reading import read_one
    from tellapart.data.preprocess import Preprocessing

    files, how = photos(64), Preprocessing(height=224, width=224, reading="fast")
    rates = []
    for _ in range(3):
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds / 3:
            for number, file in enumerate(files):
                read_one(file, str(number), how)
            done += len(files)
        rates.append(done / (time.perf_counter() - began))
    return statistics.median(rates), sum(map(len, files)) / len(files)


def checkpoint():
    """Return the bytes of a checkpoint of ResNet-50 with SGD's momentum, and the seconds that writing it takes."""
    import keras

    from tellapart.runs.checkpoint import save_checkpoint
    from tellapart.training.state import TrainState

    model = keras.applications.ResNet50(weights=None)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "last.safetensors"
        for _ in range(3):
            began = time.perf_counter()
            save_checkpoint(place, model, TrainState(), None)
            seconds.append(time.perf_counter() - began)
        size = place.stat().st_size
    return size, statistics.median(seconds), sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def waiting_share(options, readers, ahead, steps=400, seed=0):
    """Return the share of the time that a machine's GPUs wait for pictures.

    A step needs PARTS_OF_A_STEP parts that nobody has read yet; parts of the next `ahead` steps are asked for, by
    `readers` at once, in order.
    """
    random = np.random.default_rng(seed)
    batch = options.batch * GPUS_OF_A_MACHINE
    step_seconds = batch / (options.gpu_rate * GPUS_OF_A_MACHINE)
    parts = max(1, round(batch * options.photo_bytes / PART))
    free = [0.0] * readers
    heapq.heapify(free)
    ready, clock, waited = {}, 0.0, 0.0
    asked = 0
    for step in range(steps):
        while asked < min(steps, step + ahead + 1):
            arrivals = []
            for _ in range(parts):
                begin = max(heapq.heappop(free), clock)
                latency = options.latency * np.exp(random.normal(0, 0.8) - 0.32)
                end = begin + latency + PART / (options.store_rate * 1e6 / readers)
                heapq.heappush(free, end)
                arrivals.append(end)
            ready[asked] = max(arrivals)
            asked += 1
        arrived = ready.pop(step)
        if step >= 20:  # the first steps fill the pipeline
            waited += max(0.0, arrived - clock)
        clock = max(clock, arrived) + step_seconds
    return waited / clock


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gpus", type=int, default=1000)
    parser.add_argument("--pictures", type=float, default=1e9)
    parser.add_argument("--gpu-rate", type=float, default=2500, help="photos a second that a GPU learns from")
    parser.add_argument("--batch", type=int, default=64, help="photos of a GPU in a step")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until a store's first byte, mean")
    parser.add_argument("--store-rate", type=float, default=2500, help="MB/s from the store to one machine")
    parser.add_argument("--network", type=float, default=12.5, help="GB/s of a GPU to the others")
    parser.add_argument("--checkpoint-minutes", type=float, default=10)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    per_core, options.photo_bytes = decoded_a_second()
    size, seconds, weights = checkpoint()
    rate = options.gpus * options.gpu_rate
    step = options.batch / options.gpu_rate
    traffic = 2 * (options.gpus - 1) / options.gpus * weights * 4
    plan = [
        ("one pass over all pictures", f"{options.pictures / rate / 60:.1f} minutes"),
        ("pictures of a step, all GPUs", f"{options.gpus * options.batch:,}"),
        ("bytes of all pictures", f"{options.pictures * options.photo_bytes / 1e12:.0f} TB"),
        ("bytes a second, all machines", f"{rate * options.photo_bytes / 1e9:.0f} GB/s"),
        ("bytes a second, each machine of 8 GPUs", f"{8 * options.gpu_rate * options.photo_bytes / 1e9:.2f} GB/s"),
        ("cores that decode, for each GPU", f"{options.gpu_rate / per_core:.1f}"),
        ("gradient bytes of a step, each GPU, sent and received", f"{traffic / 1e6:.0f} MB"),
        ("that is, of a step's time, if nothing overlapped", f"{traffic / (options.network * 1e9) / step:.0%}"),
        ("bytes of a checkpoint", f"{size / 1e6:.0f} MB"),
        ("of the time, one written every "
         f"{options.checkpoint_minutes:g} minutes", f"{seconds / (60 * options.checkpoint_minutes):.2%}"),
    ]  # fmt: skip
    rows = [
        {
            "readers": readers,
            "steps ahead": ahead,
            "GPUs wait": f"{waiting_share(options, readers, ahead):.1%}",
        }
        for readers, ahead in ((8, 3), (32, 3), (32, 20), (64, 20), (128, 40))
    ]
    given = (
        f"Measured here: a core decodes {per_core:.0f} photos a second to 224 pixels "
        f"({options.photo_bytes / 1000:.0f} kB each, 500 x 375); a checkpoint of ResNet-50 "
        f"({weights / 1e6:.1f} million weights) takes {seconds:.2f} s. Taken as given: {options.gpus:,} GPUs, "
        f"{options.gpu_rate:g} photos/s each; a store with {options.latency * 1000:g} ms to the first byte and "
        f"{options.store_rate:g} MB/s to a machine; {options.network:g} GB/s between GPUs."
    )
    page = "\n".join(
        [
            f"# A plan for {options.gpus:,} GPUs, {now:%Y-%m-%d}", "", given, "",
            table([{"what": what, "figure": figure} for what, figure in plan], ["what", "figure"]), "",
            f"Simulated: one machine of {GPUS_OF_A_MACHINE} GPUs, parts of {PART >> 20} MB, 400 steps.", "",
            table(rows, list(rows[0])), "", "",
        ]
    )  # fmt: skip
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/scaling_plan.py " + " ".join(sys.argv[1:]),
        "hardware": machine,
        "versions": versions(),
        "plan": dict(plan),
        "simulated": rows,
        "measured": {"decoded a second": per_core, "checkpoint bytes": size, "checkpoint seconds": seconds},
    }
    write_results(HERE / "results", "scaling_plan", now, page + "\n".join(origin_lines(record)), record)


if __name__ == "__main__":
    main()
