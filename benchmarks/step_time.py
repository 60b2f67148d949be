"""Time of a training step in this checkout against another one's, on the same machine and in turn.

    git worktree add --detach ../before COMMIT
    python benchmarks/step_time.py --before ../before [--networks mobilenetv2-224,resnet50-224] [--batch 32]

Each checkout is one process per network and precision, which builds the network, makes two unmeasured steps on noise
and then sleeps until its turn; turns change after every step. Networks are those of `networks.py`, and the recipes
`first-cnn`, `quick` and `fast` with their own batch sizes, in bfloat16. Prints the medians of wall clock and processor
time and the ratio of each, after / before: the median over rounds of neighboring steps, with its quartiles.
On a busy machine the processor time of one thread (`--threads 1`) is the figure to trust. Writes a dated page to
benchmarks/results/.
"""

import argparse
import datetime
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import hardware, origin_lines, physical_cores, table, versions, write_results
from networks import PICTURES, compiled

RESULTS = Path(__file__).parent / "results"
PRECISIONS = ("float32", "mixed_bfloat16")
RECIPES = {"first-cnn": "first_cnn", "quick": "quick", "fast": "fast"}
UNMEASURED = 2


# The worker: runs in one of the two checkouts.


def work(name, precision, batch, threads):
    """Print a line once ready, then make a step for each line of input and print its seconds."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not mix with the replies
    import torch

    torch.set_num_threads(threads)
    step, inputs, targets = recipe_step(name) if name in RECIPES else network_step(name, precision, batch)

    from tellapart.runtime.allocator import keep_freed_memory

    with keep_freed_memory():
        for _ in range(UNMEASURED):
            step(inputs, targets)
        print("ready", file=replies, flush=True)
        for _ in sys.stdin:
            wall, processor = time.perf_counter(), time.process_time()
            step(inputs, targets)
            spent = [time.perf_counter() - wall, time.process_time() - processor]
            print(json.dumps(spent), file=replies, flush=True)


def network_step(name, precision, batch):
    """Return the step of a network of `networks.py`, and a batch of noise."""
    import keras
    import torch

    import tellapart  # noqa: F401 - first, so that it may choose Keras's backend
    from tellapart.lowering import lower
    from tellapart.training.step import TrainStep

    keras.utils.set_random_seed(0)
    step = TrainStep(lower(compiled(keras, name, precision)))
    return step, *noise(torch, batch, PICTURES[name])


def recipe_step(name):
    """Return the step of a recipe on images of 32 x 32 pixels, and a batch of noise of its own size."""
    import torch

    import tellapart.api  # noqa: F401 - chooses Keras's backend
    from tellapart.lowering import lower
    from tellapart.recipes import recipes
    from tellapart.recipes.build import build_model, build_step

    config = getattr(recipes, RECIPES[name])()
    inputs, targets = noise(torch, config.batch_size, 32)
    model = build_model(config, (32, 32, 3), 10, 100, inputs.byte().numpy())
    return build_step(config, lower(model, "bfloat16"), 1000), inputs, targets


def noise(torch, batch, size):
    """Return random pixels, (B, H, W, 3), and one-hot targets."""
    torch.manual_seed(0)
    return torch.randint(0, 256, (batch, size, size, 3)).float(), torch.eye(10)[torch.arange(batch) % 10]


# The driver.


class Worker:
    """A process in one of the two checkouts."""

    def __init__(self, checkout, arguments):
        environment = os.environ | {
            "PYTHONPATH": str(checkout / "src"), "KERAS_BACKEND": "torch", "PYTHONWARNINGS": "ignore",
            "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": arguments[-1],
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def wait(self):
        """Wait until the network is built."""
        if not self.process.stdout.readline():
            raise SystemExit(f"A worker ended with exit code {self.process.wait()}.")

    def step(self):
        """Return the seconds of one step, [wall clock, processor time]."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(checkouts, name, precision, batch, threads, rounds):
    """Return [before, after] of the seconds of each round's steps."""
    workers = []
    for checkout in checkouts:  # built one after the other, so that neither disturbs the other
        workers.append(Worker(checkout, [name, precision, str(batch), str(threads)]))
        workers[-1].wait()
    taken = []
    for number in range(rounds):
        order = workers if number % 2 == 0 else workers[::-1]
        steps = {id(worker): worker.step() for worker in order}
        taken.append([steps[id(worker)] for worker in workers])
    for worker in workers:
        worker.close()
    return taken


def summarize(name, precision, batch, taken):
    """Return one row: medians in milliseconds and ratios."""
    row = {"network": name, "precision": precision, "batch": batch, "n": len(taken)}
    for index, clock in enumerate(("wall", "processor")):
        for side, when in enumerate(("before", "after")):
            row[f"{when}, {clock} ms"] = 1e3 * statistics.median(pair[side][index] for pair in taken)
        ratios = [after[index] / before[index] for before, after in taken]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        row[f"ratio, {clock}"] = f"{middle:.3f} ({low:.3f}-{high:.3f})"
    return row


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="the checkout to compare with")
    parser.add_argument(
        "--networks",
        default="mobilenetv2-224,resnet50-224,first-cnn,quick,fast",
        metavar="A,B",
        help=f"of {', '.join([*PICTURES, *RECIPES])}",
    )
    parser.add_argument("--precisions", default=",".join(PRECISIONS), metavar="A,B")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="images a step (32)")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="steps of each checkout (15)")
    parser.add_argument("--threads", type=int, default=physical_cores(), metavar="N")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    if options.worker:
        name, precision, batch, threads = options.worker
        work(name, precision, int(batch), int(threads))
        return
    if options.before is None:
        raise SystemExit("--before FOLDER is needed: the checkout to compare with.")
    now, machine = datetime.datetime.now().astimezone(), hardware()
    checkouts = [options.before.resolve(), Path(__file__).resolve().parents[1]]
    rows, steps = [], {}
    for name in options.networks.split(","):
        for precision in ("bfloat16",) if name in RECIPES else options.precisions.split(","):
            batch = "its own" if name in RECIPES else options.batch
            taken = measure(checkouts, name, precision, options.batch, options.threads, options.rounds)
            rows.append(summarize(name, precision, batch, taken))
            steps[f"{name}, {precision}"] = taken
            print(rows[-1], flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": shlex.join(["python", "benchmarks/step_time.py", *arguments]),
        "hardware": machine,
        "versions": versions(),
        "summary": rows,
        "seconds of [before, after], each [wall, processor]": steps,
    }
    page = "\n".join(
        [
            f"# A training step before and after, {record['date']}",
            "",
            f"{options.threads} threads, steps in turn. Ratio: after / before, median and quartiles.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )
    write_results(options.results, "step_time", now, page, record)


if __name__ == "__main__":
    main(sys.argv[1:])
