"""Pictures per second of `tellapart.fit` and of Keras's own `fit` on TensorFlow, JAX and PyTorch.

The model is the Keras CIFAR-10 tutorial's network, built here in plain Keras by the same lines for
everybody. Random pictures stand in for real ones: the arithmetic does not look at them. Every peer
runs in an environment of its own, so that none drags in another's libraries:

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
from round to round. A kind is a batch size and a precision, float32 or mixed_bfloat16, since a peer's
best precision is what counts. A precision less than half as fast as the same contestant's other one
is measured in two rounds only. All have as many threads as the machine has physical cores.

Prints a table, and writes every single measurement to benchmarks/results/.
"""

import argparse
import contextlib
import datetime
import itertools
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

PRECISIONS = ("float32", "mixed_bfloat16")
OURS = "tellapart"
PEERS = ("tensorflow", "jax", "torch")
PACKAGES = ("tellapart", "keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "torch", "numpy")
RESULTS = Path(__file__).parent / "results"
HOPELESS = 0.5  # a precision slower than this share of the contestant's best is not measured again


# The worker: runs under a contestant's interpreter, knows only Keras (and, in one of them, tellapart).


def tutorials_network(keras, precision):
    """The Keras team's examples/cifar10_cnn.py; probabilities in float32, as Keras's guide to mixed precision says."""
    keras.config.set_dtype_policy(precision)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, (3, 3), padding="same"),
            layers.Activation("relu"),
            layers.Conv2D(32, (3, 3)),
            layers.Activation("relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Conv2D(64, (3, 3), padding="same"),
            layers.Activation("relu"),
            layers.Conv2D(64, (3, 3)),
            layers.Activation("relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(512),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
            layers.Activation("softmax", dtype="float32"),
        ]
    )
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-6)
    model.compile(keras.optimizers.RMSprop(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


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
            kind = request["precision"], request["batch"]
            if kind not in models:
                models[kind] = tutorials_network(keras, request["precision"])
            answer = timed_fit(fit, models[kind], random, request["batch"], request["steps"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def timed_fit(fit, model, random, batch, steps):
    """One `fit` call on bytes as float32, and how long it took."""
    pictures = random.integers(0, 256, (batch * steps, 32, 32, 3)).astype("float32")
    truth = random.integers(0, 10, batch * steps)
    one_hot = (truth[:, None] == range(10)).astype("float32")
    start = time.perf_counter()
    history = fit(model, pictures, one_hot, batch_size=batch, epochs=1, verbose=0)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "loss": float(history.history["loss"][-1])}


def versions():
    """Of what matters and is installed here."""
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


# The driver: the standard library only.


class Contestant:
    """A worker process and the pipe to it."""

    def __init__(self, name, python, threads):
        self.name = name
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
        """Send a request; wait, without spinning, for its answer."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise SystemExit(f"{self.name} ended before it answered {request}:\n{self.errors.read()[-3000:]}")
        return json.loads(line)

    def close(self):
        """Let it end by itself."""
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def environment(name, threads):
    """The same threads for all, and idle ones that sleep instead of spinning beside whoever is measured."""
    count = str(threads)
    return {
        "KERAS_BACKEND": "torch" if name == OURS else name,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count,
        "NPROC": count,  # XLA's pool on CPUs
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "KMP_BLOCKTIME": "0",
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }


def measure(contestants, kinds, steps, rounds):
    """Every measurement in the order in which it was made.

    Args:
        contestants: the workers.
        kinds: (batch size, precision) pairs.
        steps: batch size -> batches per measured fit.
        rounds: how often each contestant makes each kind of fit.
    """
    for contestant, (batch, precision) in itertools.product(contestants, kinds):
        warm = contestant.ask(ask="fit", batch=batch, precision=precision, steps=2)
        say(f"warm-up  {contestant.name:<11}{batch:>4}  {precision:<15}{warm['seconds']:8.1f} s")
    found, order, hopeless = [], deque(contestants), set()
    for number in range(1, rounds + 1):
        for (batch, precision), contestant in itertools.product(kinds, order):
            if (contestant.name, batch, precision) in hopeless:
                continue
            answer = contestant.ask(ask="fit", batch=batch, precision=precision, steps=steps[batch])
            speed = batch * steps[batch] / answer["seconds"]
            place = {"round": number, "contestant": contestant.name, "batch": batch, "precision": precision}
            found.append(place | {"pictures_per_second": speed} | answer)
            say(f"round {number:<3}{contestant.name:<11}{batch:>4}  {precision:<15}{speed:8.0f} pictures/s")
        if number == 2:
            hopeless = slow_precisions(found)
        order.rotate(-1)
    return found


def slow_precisions(found):
    """(contestant, batch, precision) of all that are not worth a further measurement."""
    fastest = {}
    for one in found:
        for place in [(one["contestant"], one["batch"]), (one["contestant"], one["batch"], one["precision"])]:
            fastest[place] = max(fastest.get(place, 0.0), one["pictures_per_second"])
    return {place for place in fastest if len(place) == 3 and fastest[place] < HOPELESS * fastest[place[:2]]}


def summarise(found):
    """Rows of medians, one for each contestant, batch size and precision."""
    groups = {}
    for one in found:
        place = one["batch"], one["contestant"], one["precision"]
        groups.setdefault(place, []).append(one["pictures_per_second"])
    return [
        {
            "batch": batch,
            "contestant": contestant,
            "precision": precision,
            "median": statistics.median(speeds),
            "min": min(speeds),
            "max": max(speeds),
            "n": len(speeds),
        }
        for (batch, contestant, precision), speeds in sorted(groups.items())
    ]


def ratios(found, rows):
    """Our best precision against the best peer's best, and precision against precision, for each batch size."""
    compared = []
    for batch, precisions in itertools.product(
        sorted({row["batch"] for row in rows}), [PRECISIONS, *[(one,) for one in PRECISIONS]]
    ):
        able = [row for row in rows if row["batch"] == batch and row["precision"] in precisions]
        ours = [row for row in able if row["contestant"] == OURS]
        theirs = [row for row in able if row["contestant"] != OURS]
        if not ours or not theirs:
            continue
        best, peer = (max(side, key=lambda row: row["median"]) for side in (ours, theirs))
        by_round = [
            speeds[best["contestant"], best["precision"]] / speeds[peer["contestant"], peer["precision"]]
            for speeds in speeds_by_round(found, batch)
            if (peer["contestant"], peer["precision"]) in speeds
            and (best["contestant"], best["precision"]) in speeds
        ]
        compared.append(
            {
                "batch": batch,
                "compared": " or ".join(precisions),
                "ours": best["precision"],
                "peer": f"{peer['contestant']}, {peer['precision']}",
                "ratio": best["median"] / peer["median"],
                "lowest_round": min(by_round),
                "highest_round": max(by_round),
                "n": len(by_round),
            }
        )
    return compared


def speeds_by_round(found, batch):
    """For each round, (contestant, precision) -> pictures per second."""
    rounds = {}
    for one in found:
        if one["batch"] == batch:
            place = one["contestant"], one["precision"]
            rounds.setdefault(one["round"], {})[place] = one["pictures_per_second"]
    return list(rounds.values())


def hardware():
    """The processor and what of it bears on speed."""
    facts = processor_facts()
    flags = facts.get("flags", "").split()
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "family_model_stepping": [facts.get(name) for name in ("cpu family", "model", "stepping")],
        "physical_cores": physical_cores(),
        "logical_cores": os.cpu_count(),
        "flags": [flag for flag in wanted if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "load_before": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def processor_facts():
    """The first processor's lines of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    block = path.read_text().split("\n\n")[0] if path.exists() else ""
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def physical_cores():
    """How many cores there are, hyperthreads not counted; logical ones where the system does not say."""
    path = Path("/proc/cpuinfo")
    blocks = path.read_text().split("\n\n") if path.exists() else []
    cores = set()
    for block in blocks:
        lines = [line for line in block.splitlines() if line.startswith(("physical id", "core id"))]
        if lines:
            cores.add(tuple(lines))
    return len(cores) or os.cpu_count()


def table(rows, columns):
    """A Markdown table of some columns; numbers rounded for reading."""

    def cell(value):
        if isinstance(value, float):
            return f"{value:.2f}" if value < 100 else f"{value:.0f}"
        return str(value)

    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(cell(row[name]) for name in columns)} |" for row in rows]
    return "\n".join(lines)


def report(record):
    """The Markdown page of a run."""
    machine, settings = record["hardware"], record["settings"]
    listed = [
        f"- {name}: " + ", ".join(f"{package} {version}" for package, version in found.items())
        for name, found in record["versions"].items()
    ]
    steps = " and ".join(f"{count} batches of {batch}" for batch, count in settings["steps"].items())
    return "\n".join(
        [
            f"# tellapart.fit and Keras's fit, {record['date']}",
            "",
            "The Keras CIFAR-10 tutorial's network (1.25 million weights), random pictures, RMSprop, one `fit`",
            f"call per measurement ({steps}), contestants in turn, {settings['rounds']} rounds.",
            "Pictures per second.",
            "",
            table(record["summary"], ["batch", "contestant", "precision", "median", "min", "max", "n"]),
            "",
            "Ratio: our median by the fastest peer's, each in its faster precision; then precision by precision.",
            "The last columns compare within each round.",
            "",
            table(
                record["ratios"],
                ["batch", "compared", "ours", "peer", "ratio", "lowest_round", "highest_round", "n"],
            ),
            "",
            f"- Processor: {machine['processor']} (family, model, stepping: "
            f"{', '.join(map(str, machine['family_model_stepping']))}), {machine['physical_cores']} physical and "
            f"{machine['logical_cores']} logical cores, {' '.join(machine['flags'])}; {machine['system']}",
            f"- Threads: {settings['threads']}; load before: {machine['load_before']}",
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
    parser.add_argument("--steps-32", type=int, default=50, metavar="N", help="batches of 32 per fit (50)")
    parser.add_argument("--steps-512", type=int, default=8, metavar="N", help="batches of 512 per fit (8)")
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
    steps = {32: options.steps_32, 512: options.steps_512}
    now = datetime.datetime.now().astimezone()
    machine = hardware()
    contestants = [Contestant(name, python, options.threads) for name, python in pythons.items()]
    found_versions = {contestant.name: contestant.ask(ask="versions") for contestant in contestants}
    found = measure(contestants, list(itertools.product(steps, PRECISIONS)), steps, options.rounds)
    for contestant in contestants:
        contestant.close()
    summary = summarise(found)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": command_line(arguments),
        "hardware": machine,
        "versions": found_versions,
        "settings": {"rounds": options.rounds, "steps": steps, "threads": options.threads},
        "summary": summary,
        "ratios": ratios(found, summary),
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
