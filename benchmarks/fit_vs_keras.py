"""Pictures per second of `tellapart.fit` and of Keras's own `fit` on TensorFlow, JAX and PyTorch.

The networks (`networks.py`: the Keras CIFAR-10 tutorial's, ResNet-20, MobileNetV2 on pictures of 32 and of 96
pixels) are plain Keras, the same lines for everybody. Random pictures stand in for real ones: the arithmetic
does not look at them. Every peer runs in an environment of its own, so that none drags in another's
libraries:

    for peer in tensorflow-cpu jax torch; do
        python -m venv ENVIRONMENTS/$peer
        ENVIRONMENTS/$peer/bin/pip install keras==3.15.1 $peer
    done
    python benchmarks/fit_vs_keras.py --rounds 7 \
        --tensorflow-python ENVIRONMENTS/tensorflow-cpu/bin/python \
        --jax-python ENVIRONMENTS/jax/bin/python \
        --torch-python ENVIRONMENTS/torch/bin/python

tellapart runs under the interpreter that runs this script. Everybody computes on the processor, also
where a build could do more. Wait for a quiet machine: the load before the run is written down.

How it measures. Each contestant is one process that lives throughout and waits, asleep, for its turn.
First every one makes a fit of each kind unmeasured (tracing, compiling, allocating). Then, in each
round, each contestant in turn makes one measured `fit` call of each kind; the order moves on by one
from round to round. A kind is a network, a batch size and a precision, float32 or mixed_bfloat16, since a
peer's best precision is what counts. A precision less than half as fast as the same contestant's other one
is measured in two rounds only, and so is a peer less than a quarter as fast as the fastest peer. One that ends
over a kind (memory, say) is written down as ended, and starts anew for the next. All have as many threads as
the machine has physical cores.

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
PICTURES_PER_FIT = {"tutorial": 4096, "resnet20": 2048, "mobilenetv2-32": 1536, "mobilenetv2-96": 384}
FAR_BEHIND = 0.25  # nor a peer slower than this share of the fastest peer


# The worker: runs under a contestant's interpreter, knows only Keras (and, in one of them, tellapart).


def work(contestant, threads):
    """Answer requests, one JSON line each, until the driver closes the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
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
            answer = versions() | {"backend": keras.backend.backend()}
        else:
            kind = request["network"], request["precision"]
            if models.keys() != {kind}:  # one at a time: memory is for feature maps
                models.clear()
                models[kind] = compiled(keras, *kind)
                timed_fit(fit, models[kind], random, request, steps=2)  # tracing, compiling, allocating
            answer = timed_fit(fit, models[kind], random, request, request["steps"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def timed_fit(fit, model, random, request, steps):
    """One `fit` call on bytes as float32, and how long it took."""
    batch, size = request["batch"], PICTURES[request["network"]]
    pictures = random.integers(0, 256, (batch * steps, size, size, 3)).astype("float32")
    truth = random.integers(0, 10, batch * steps)
    one_hot = (truth[:, None] == range(10)).astype("float32")
    start = time.perf_counter()
    history = fit(model, pictures, one_hot, batch_size=batch, epochs=1, verbose=0)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loss": float(history.history["loss"][-1])}


# The driver: the standard library only.


class EndedError(Exception):
    """A worker process is no more."""


class Contestant:
    """A worker process and the pipe to it."""

    def __init__(self, name, python, threads):
        self.name, self.python, self.threads = name, python, threads
        self.start()

    def start(self):
        """Begin with a new process."""
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
        """Send a request; wait, without spinning, for its answer.

        Raises:
            EndedError: there was none.
        """
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            say(self.errors.read()[-3000:])
            raise EndedError(f"{self.name} ended with {code} over {request}")
        return json.loads(line)

    def close(self):
        """Let it end by itself."""
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def environment(name, threads):
    """The same number of threads for all, on the processor."""
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
    """Every measurement in the order in which it was made.

    Args:
        contestants: the workers.
        kinds: (network, batch size, precision).
        steps: (network, batch size) -> batches per measured fit.
        rounds: how often each contestant makes each kind of fit.

    Returns:
        The measurements, and what was said where a contestant ended over a kind.
    """
    found, ended = [], []
    for kind in kinds:
        network, batch, precision = kind
        order, hopeless, gone = deque(contestants), set(), set()
        for number in range(1, rounds + 1):
            for contestant in order:
                if contestant.name in hopeless | gone:
                    continue
                request = {"network": network, "batch": batch, "precision": precision}
                try:
                    answer = contestant.ask(ask="fit", steps=steps[network, batch], **request)
                except EndedError as reason:
                    say(str(reason))
                    ended.append(str(reason))
                    gone.add(contestant.name)
                    contestant.start()
                    continue
                speed = batch * steps[network, batch] / answer["seconds"]
                one = {"round": number, "contestant": contestant.name, **request}
                found.append(one | {"pictures_per_second": speed} | answer)
                place = f"{network:<15}{batch:>4}  {precision:<15}"
                say(f"round {number:<3}{contestant.name:<11}{place}{speed:8.0f} pictures/s")
            if number == 2:
                hopeless = slow_ones(found, network, batch, precision)
            order.rotate(-1)
    return found, ended


def slow_ones(found, network, batch, precision):
    """Contestants that are not worth a further measurement of this kind."""
    fastest = {}
    for one in found:
        if (one["network"], one["batch"]) == (network, batch):
            for place in [(one["contestant"], one["precision"]), one["contestant"]]:
                fastest[place] = max(fastest.get(place, 0.0), one["pictures_per_second"])
    names = {one["contestant"] for one in found}
    peers = [fastest[name] for name in names - {OURS} if name in fastest]
    return {
        name
        for name in names
        if fastest.get((name, precision), 0) < HOPELESS * fastest.get(name, 0)
        or (name != OURS and peers and fastest.get(name, 0) < FAR_BEHIND * max(peers))
    }


def summarize(found):
    """Rows of medians, one for each network, batch size, contestant and precision."""
    groups = {}
    for one in found:
        place = one["network"], one["batch"], one["contestant"], one["precision"]
        groups.setdefault(place, []).append(one["pictures_per_second"])
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
    """Our best precision against the best peer's best, for each network and batch size."""
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
    """The Markdown page of a run."""
    settings = record["settings"]
    listed = [
        f"- {name}: " + ", ".join(f"{package} {version}" for package, version in found.items())
        for name, found in record["versions"].items()
    ]
    columns = ["network", "batch", "contestant", "precision", "median", "min", "max", "n"]
    return "\n".join(
        [
            f"# tellapart.fit and Keras's fit, {record['date']}",
            "",
            f"Random pictures, one `fit` call per measurement, contestants in turn, {settings['rounds']} rounds.",
            "Pictures per second.",
            "",
            "Ratio: our median by the fastest peer's, each in its faster precision.",
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
            "Every single measurement stands in the JSON file beside this page.",
            "",
        ]
    )


def command_line(arguments):
    """What was typed, with the interpreters' places left out."""
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
    """Progress, at once."""
    print(line, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for peer in PEERS:
        parser.add_argument(f"--{peer}-python", metavar="PATH", help=f"interpreter with Keras and {peer}")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="measurements of each kind (7)")
    parser.add_argument("--networks", default=",".join(PICTURES), metavar="A,B", help="default: all")
    parser.add_argument("--batches", default="32,512", metavar="A,B", help="batch sizes (32,512)")
    parser.add_argument(
        "--share", type=float, default=1.0, metavar="X", help="of the usual batches per fit: shorter fits (1)"
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
    networks, batches = options.networks.split(","), [int(batch) for batch in options.batches.split(",")]
    steps = {
        (network, batch): max(2, round(options.share * PICTURES_PER_FIT[network] / batch))
        for network, batch in itertools.product(networks, batches)
    }
    now = datetime.datetime.now().astimezone()
    machine = hardware()
    contestants = [Contestant(name, python, options.threads) for name, python in pythons.items()]
    found_versions = {contestant.name: contestant.ask(ask="versions") for contestant in contestants}
    kinds = list(itertools.product(networks, batches, PRECISIONS))
    found, ended = measure(contestants, kinds, steps, options.rounds)
    for contestant in contestants:
        contestant.close()
    summary = summarize(found)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": command_line(arguments),
        "hardware": machine,
        "versions": found_versions,
        "settings": {
            "rounds": options.rounds,
            "steps": {f"{network} {batch}": count for (network, batch), count in steps.items()},
            "threads": options.threads,
        },
        "summary": summary,
        "ratios": ratios(summary),
        "ended": ended,
        "measurements": found,
    }
    options.results.mkdir(parents=True, exist_ok=True)
    page = options.results / f"fit_vs_keras-{now:%Y-%m-%d-%H%M}.md"
    page.write_text(report(record))
    page.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    say(report(record))
    say(f"Written: {page} and .json")


if __name__ == "__main__":
    main(sys.argv[1:])
