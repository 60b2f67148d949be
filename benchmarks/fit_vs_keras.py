"""Training speed of `tellapart.fit` against Keras's own `fit` on TensorFlow, JAX and PyTorch, in images per second.

The networks (`networks.py`: the Keras CIFAR-10 tutorial's, ResNet-20, MobileNetV2 on images of 32, 96 and 224
pixels, EfficientNetB0 on 224; "-head": only the last layer learns) are plain Keras, the same code for all. Random
images stand in for real ones, since speed does not depend on their content. Each peer runs in its own environment,
so that none imports another's libraries:

    for peer in tensorflow-cpu jax torch; do
        python -m venv ENVIRONMENTS/$peer
        ENVIRONMENTS/$peer/bin/pip install keras==3.15.1 $peer
    done
    python benchmarks/fit_vs_keras.py --rounds 7 \
        --tensorflow-python ENVIRONMENTS/tensorflow-cpu/bin/python \
        --jax-python ENVIRONMENTS/jax/bin/python \
        --torch-python ENVIRONMENTS/torch/bin/python

Photos alone: `--networks photos`. Images of 224 pixels are measured in batches of 32 only.

tellapart runs under the interpreter that runs this script. All compute on the CPU, even if a build supports
more. Use a quiet machine: the load before the run is recorded.

Method: each contestant is one process that lives throughout and sleeps until its turn. First, each makes an
unmeasured fit of each kind (tracing, compiling, allocating). Then, in each round, each contestant in turn makes
one measured `fit` call of each kind; the order rotates by one each round. A kind is a network, a batch size and
a precision, float32 or mixed_bfloat16, since a peer's best precision is what counts. A precision less than half
as fast as the same contestant's other one is measured in two rounds only, and so is a peer less than a quarter
as fast as the fastest peer. A contestant that crashes on a kind (out of memory, say) is recorded as ended, and
restarts for the next. All use as many threads as the machine has physical cores.

Prints a table, and writes every single measurement to benchmarks/results/.
"""

import argparse
import contextlib
import datetime
import itertools
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from machine import hardware, hardware_line, physical_cores, table, versions
from networks import PICTURES, compiled

PRECISIONS = ("float32", "mixed_bfloat16")
OURS = "tellapart"
PEERS = ("tensorflow", "jax", "torch")
RESULTS = Path(__file__).parent / "results"
HOPELESS = 0.5  # a precision slower than this share of the contestant's best is not measured again
PICTURES_PER_FIT = {
    "tutorial": 4096, "resnet20": 2048, "mobilenetv2-32": 1536, "mobilenetv2-96": 384,
    "mobilenetv2-224": 96, "mobilenetv2-224-head": 192,
    "efficientnetb0-224": 96, "efficientnetb0-224-head": 192,
}  # fmt: skip
PHOTOS = tuple(name for name in PICTURES_PER_FIT if PICTURES[name] == 224)
PHOTO_BATCH = 32
FAR_BEHIND = 0.25  # nor a peer slower than this share of the fastest peer


# The worker: runs under a contestant's interpreter, knows only Keras (and, in one of them, tellapart).


def work(contestant, threads):
    """Reply to requests, one JSON line each, until the driver closes the pipe."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of libraries must not mix with the replies
    if contestant == OURS:
        import tellapart  # first, so that it may choose Keras's backend
    import keras
    import numpy

    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads)
    fit = tellapart.fit if contestant == OURS else keras.Model.fit
    keras.utils.set_random_seed(0)
    models, random = {}, numpy.random.default_rng(0)
    for line in sys.stdin:
        request = json.loads(line)
        if request["ask"] == "versions":
            reply = versions() | {"backend": keras.backend.backend()}
        else:
            kind = request["network"], request["precision"]
            if models.keys() != {kind}:  # one model at a time, to save memory for feature maps
                models.clear()
                models[kind] = compiled(keras, *kind)
                timed_fit(fit, models[kind], random, request, steps=2)  # tracing, compiling, allocating
            reply = timed_fit(fit, models[kind], random, request, request["steps"])
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def timed_fit(fit, model, random, request, steps):
    """Time one `fit` call on bytes as float32."""
    batch, size = request["batch"], PICTURES[request["network"]]
    images = random.integers(0, 256, (batch * steps, size, size, 3)).astype("float32")
    labels = random.integers(0, 10, batch * steps)
    one_hot = (labels[:, None] == range(10)).astype("float32")
    start = time.perf_counter()
    history = fit(model, images, one_hot, batch_size=batch, epochs=1, verbose=0)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loss": float(history.history["loss"][-1])}


# The driver: the standard library only.


class EndedError(Exception):
    """A worker process has ended."""


class Contestant:
    """A worker process and the pipes to it."""

    def __init__(self, name, python, threads):
        self.name, self.python, self.threads = name, python, threads
        self.start()

    def start(self):
        """Start a new process."""
        name, python, threads = self.name, self.python, self.threads
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        self.process = subprocess.Popen(
            [python, __file__, "--worker", name, "--threads", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=os.environ | environment(name, threads),
        )

    def ask(self, **request):
        """Send a request; wait, without spinning, for the reply.

        Raises:
            EndedError: the worker ended without a reply.
        """
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            say(self.errors.read()[-3000:])
            raise EndedError(f"{self.name} ended with exit code {code} on {request}")
        return json.loads(line)

    def close(self):
        """Close the pipe, so that the process ends, and wait for it."""
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def environment(name, threads):
    """Return environment variables: the same number of threads for all, on the CPU."""
    count = str(threads)
    return {
        "KERAS_BACKEND": "torch" if name == OURS else name,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "NPROC": count,  # XLA's pool on CPUs
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }


def measure(contestants, kinds, steps, rounds):
    """Measure every kind in every round.

    Args:
        contestants: the workers.
        kinds: (network, batch size, precision).
        steps: (network, batch size) -> batches per measured fit.
        rounds: how often each contestant makes each kind of fit.

    Returns:
        The measurements in order, and the messages of contestants that ended.
    """
    measurements, ended = [], []
    for kind in kinds:
        network, batch, precision = kind
        order, hopeless, gone = deque(contestants), set(), set()
        for number in range(1, rounds + 1):
            for contestant in order:
                if contestant.name in hopeless | gone:
                    continue
                request = {"network": network, "batch": batch, "precision": precision}
                try:
                    reply = contestant.ask(ask="fit", steps=steps[network, batch], **request)
                except EndedError as reason:
                    say(str(reason))
                    ended.append(str(reason))
                    gone.add(contestant.name)
                    contestant.start()
                    continue
                speed = batch * steps[network, batch] / reply["seconds"]
                row = {"round": number, "contestant": contestant.name, **request}
                measurements.append(row | {"pictures_per_second": speed} | reply)
                place = f"{network:<15}{batch:>4}  {precision:<15}"
                say(f"round {number:<3}{contestant.name:<11}{place}{speed:8.0f} pictures/s")
            if number == 2:
                hopeless = slow_contestants(measurements, network, batch, precision)
            order.rotate(-1)
    return measurements, ended


def slow_contestants(measurements, network, batch, precision):
    """Return the names of contestants that are too slow to measure this kind again."""
    fastest = {}
    for row in measurements:
        if (row["network"], row["batch"]) == (network, batch):
            for place in [(row["contestant"], row["precision"]), row["contestant"]]:
                fastest[place] = max(fastest.get(place, 0.0), row["pictures_per_second"])
    names = {row["contestant"] for row in measurements}
    peers = [fastest[name] for name in names - {OURS} if name in fastest]
    return {
        name
        for name in names
        if fastest.get((name, precision), 0) < HOPELESS * fastest.get(name, 0)
        or (name != OURS and peers and fastest.get(name, 0) < FAR_BEHIND * max(peers))
    }


def summarize(measurements):
    """Return rows of medians, one for each network, batch size, contestant and precision."""
    groups = {}
    for row in measurements:
        place = row["network"], row["batch"], row["contestant"], row["precision"]
        groups.setdefault(place, []).append(row["pictures_per_second"])
    return [
        {
            **dict(zip(("network", "batch", "contestant", "precision"), place, strict=True)),
            "median": statistics.median(speeds),
            "min": min(speeds),
            "max": max(speeds),
            "n": len(speeds),
        }
        for place, speeds in groups.items()
    ]


def ratios(rows):
    """Return our best precision against the fastest peer's best, for each network and batch size."""
    compared = []
    for network, batch in dict.fromkeys((row["network"], row["batch"]) for row in rows):
        able = [row for row in rows if (row["network"], row["batch"]) == (network, batch)]
        ours = [row for row in able if row["contestant"] == OURS]
        theirs = [row for row in able if row["contestant"] != OURS]
        if not ours or not theirs:
            continue
        best, peer = (max(side, key=lambda row: row["median"]) for side in (ours, theirs))
        compared.append(
            {
                "network": network,
                "batch": batch,
                "ours": f"{best['median']:.0f}, {best['precision']}",
                "fastest_peer": f"{peer['median']:.0f}, {peer['contestant']}, {peer['precision']}",
                "ratio": best["median"] / peer["median"],
            }
        )
    return compared


def report(record):
    """Return the Markdown page of a run."""
    settings = record["settings"]
    listed = [
        f"- {name}: " + ", ".join(f"{package} {version}" for package, version in packages.items())
        for name, packages in record["versions"].items()
    ]
    columns = ["network", "batch", "contestant", "precision", "median", "min", "max", "n"]
    return "\n".join(
        [
            f"# tellapart.fit and Keras's fit, {record['date']}",
            "",
            f"Random pictures, one `fit` call per measurement, contestants in turn, {settings['rounds']} rounds.",
            "Pictures per second.",
            "",
            "Ratio: tellapart's median divided by the fastest peer's, each in its faster precision.",
            "",
            table(record["ratios"], ["network", "batch", "ours", "fastest_peer", "ratio"]),
            "",
            table(record["summary"], columns),
            "",
            *[f"- {reason}" for reason in record["ended"]],
            hardware_line(record["hardware"]),
            f"- Threads: {settings['threads']}; batches per fit: {settings['steps']}",
            *listed,
            f"- Command: `{record['command']}`",
            "",
            "The JSON file beside this page has every single measurement.",
            "",
        ]
    )


def command_line(arguments):
    """Return the command as typed, without the paths of the interpreters."""
    words = [
        "PYTHON"
        if before.endswith("-python")
        else word.split("=")[0] + "=PYTHON"
        if "-python=" in word
        else word
        for before, word in itertools.pairwise(["", *arguments])
    ]
    return shlex.join(["python", "benchmarks/fit_vs_keras.py", *words])


def say(line):
    """Print a line and flush."""
    print(line, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for peer in PEERS:
        parser.add_argument(f"--{peer}-python", metavar="PATH", help=f"interpreter with Keras and {peer}")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="measurements of each kind (7)")
    parser.add_argument(
        "--networks",
        default=",".join(PICTURES_PER_FIT),
        metavar="A,B",
        help=f"of {', '.join(PICTURES_PER_FIT)}; or photos: {', '.join(PHOTOS)} (all)",
    )
    parser.add_argument("--batches", default="32,512", metavar="A,B", help="batch sizes (32,512)")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), metavar="A,B", help="default: both")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        metavar="X",
        help="share of the usual batches per fit, for shorter fits (1)",
    )
    parser.add_argument(
        "--threads", type=int, default=physical_cores(), metavar="N", help="default: all cores"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write")
    parser.add_argument("--worker", metavar="NAME", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    if options.worker:
        work(options.worker, options.threads)
        return
    pythons = {OURS: sys.executable} | {
        peer: path for peer in PEERS if (path := getattr(options, f"{peer}_python"))
    }
    networks = PHOTOS if options.networks == "photos" else options.networks.split(",")
    batches = [int(batch) for batch in options.batches.split(",")]
    steps = {
        (network, batch): max(2, round(options.share * PICTURES_PER_FIT[network] / batch))
        for network in networks
        for batch in ([PHOTO_BATCH] if network in PHOTOS else batches)
    }
    now = datetime.datetime.now().astimezone()
    machine = hardware()
    contestants = [Contestant(name, python, options.threads) for name, python in pythons.items()]
    package_versions = {contestant.name: contestant.ask(ask="versions") for contestant in contestants}
    kinds = [(*place, precision) for place in steps for precision in options.precisions.split(",")]
    measurements, ended = measure(contestants, kinds, steps, options.rounds)
    for contestant in contestants:
        contestant.close()
    summary = summarize(measurements)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": command_line(arguments),
        "hardware": machine,
        "versions": package_versions,
        "settings": {
            "rounds": options.rounds,
            "steps": {f"{network} {batch}": count for (network, batch), count in steps.items()},
            "threads": options.threads,
        },
        "summary": summary,
        "ratios": ratios(summary),
        "ended": ended,
        "measurements": measurements,
    }
    options.results.mkdir(parents=True, exist_ok=True)
    page = options.results / f"fit_vs_keras-{now:%Y-%m-%d-%H%M}.md"
    page.write_text(report(record))
    page.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    say(report(record))
    say(f"Written: {page} and .json")


if __name__ == "__main__":
    main(sys.argv[1:])
