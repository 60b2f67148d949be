"""Trainings in processes of their own, forked after the imports, so that one costs a second; heard through a socket.

A training is the command as people type it. Its steps, saves and epochs are heard as they happen, so that whoever
started it can kill it within a save; it can be attached to by strace before it begins.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import zipfile
from importlib import import_module

import numpy as np

LONGEST_SECONDS = 120
"""A training that takes longer hangs."""

QUICK = ("--recipe", "quick", "--size", "16", "--epochs", "3", "--batch-size", "8", "--precision", "float32")
TRANSFER = (
    *("--recipe", "transfer", "--size", "32", "--fine-tune", "on", "--epochs", "3", "--batch-size", "8"),
    *("--precision", "float32"),
)

BACKBONE = "small.keras"
"""In the folder of `make_data`: the pretrained network of TRANSFER, small enough that a training costs a second."""


def import_everything():
    """Import what a training needs before it is forked, without starting a thread."""
    import h5py  # noqa: F401
    import psutil  # noqa: F401
    import safetensors.numpy  # noqa: F401
    import torch

    import tellapart.api.fine_tune_run
    import tellapart.api.train
    import tellapart.cli.terminal.training
    import tellapart.explanations.explainer  # noqa: F401
    from tellapart.keras_backend import import_keras

    torch.set_num_threads(1)
    import_keras()


def import_what_it_imported(training):
    """Import what an ended training did, so that the next ones need not."""
    for name in training.modules:
        with contextlib.suppress(Exception):  # a few cannot be imported by themselves
            import_module(name)


def words_of(recipe, folder):
    """Return the command, without --out, that trains on the pictures of `make_data`."""
    settings = QUICK if recipe == "quick" else (*TRANSFER, "--backbone", folder / BACKBONE)
    return ("train", folder / "pictures", *settings, "--quiet")


def make_data(folder):
    """Write the pictures, and the backbone in a process that ends, since nothing may run before the forks."""
    _make_pictures(folder / "pictures")
    maker = os.fork()
    if maker == 0:
        _make_backbone(folder / BACKBONE)
        os._exit(0)
    os.waitpid(maker, 0)


def _make_backbone(path):
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    layers = keras.layers
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 255)(image)
    for filters in (8, 16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    keras.Model(image, x).save(path)


def _make_pictures(folder):
    """Write two classes of 20 pictures, noise of a brightness of their own."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for number, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for picture in range(20):
            pixels = rng.integers(0, 200, (16, 16, 3)) + 40 * number
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{picture}.png")


class Training:
    """A command in a process of its own. `events` holds what it did: (what, seconds since its start, epoch, step)."""

    def __init__(self, words, *, pause, prepare=None, traced=()):
        """Start it.

        Args:
            words: of the command line, after `tellapart`.
            pause: seconds between two checkpoints; negative: one after each step. None: as people have it.
            prepare: called in the process before it begins.
            traced: arguments of a strace that is attached first.
        """
        ours, theirs = socket.socketpair()
        hold, go = os.pipe()
        self.pid, self.events, self.rest = os.fork(), [], b""
        self.code = self.output = self.modules = None
        if self.pid == 0:
            ours.close()
            os.close(go)
            _child(theirs, hold, list(map(str, words)), pause, prepare)
        theirs.close()
        os.close(hold)
        self.channel, self.tracer = ours, _attached(self.pid, traced) if traced else None
        self.began = time.perf_counter()
        os.write(go, b"g")
        os.close(go)

    def listen(self, seconds):
        """Hear events for so long, or until there is one; return whether the process is still there."""
        if not select.select([self.channel], [], [], max(seconds, 0))[0]:
            return True
        part = self.channel.recv(1 << 20)
        *lines, self.rest = (self.rest + part).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if isinstance(told, dict):
                self.code, self.output, self.modules = told["code"], told["output"], told["modules"]
            else:
                self.events.append(told)
        return bool(part)

    def end(self):
        """Wait for its end; return this training."""
        until = time.perf_counter() + LONGEST_SECONDS
        while time.perf_counter() < until and self.listen(until - time.perf_counter()):
            pass
        if time.perf_counter() >= until:
            os.kill(self.pid, signal.SIGKILL)
        _, self.status = os.waitpid(self.pid, 0)
        self.channel.close()
        if self.tracer is not None:
            self.tracer.wait()
        return self

    def kill_at(self, seconds):
        """Kill it so many seconds after its start, unless it ends before."""
        until = self.began + seconds
        while (left := until - time.perf_counter()) > 0 and self.listen(left):
            pass
        return self.kill()

    def kill_in_save(self, number, seconds):
        """Kill it so many seconds after its number-th save has begun, unless it ends before."""
        while self.count("save") < number and self.listen(LONGEST_SECONDS):
            pass
        time.sleep(seconds)
        return self.kill()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        return self.end()

    @property
    def was_killed(self):
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    def count(self, what):
        return sum(event[0] == what for event in self.events)

    @property
    def ended_in_save(self):
        return self.count("save") > self.count("saved")

    @property
    def steps(self):
        """The steps that were done, as (epoch, step)."""
        return [tuple(event[2:4]) for event in self.events if event[0] == "step"]

    @property
    def seconds_unsaved(self):
        """From the end of the last save, or the beginning of the first step, to the last step: what a kill costs."""
        times = [event[1] for event in self.events if event[0] in ("step", "saved")]
        names = [event[0] for event in self.events if event[0] in ("step", "saved")]
        last = len(names) - 1 - names[::-1].index("saved") if "saved" in names else 0
        return times[-1] - times[last] if names else 0.0


def _attached(pid, arguments):
    """Return a strace that is attached to a process."""
    words = ["strace", "-p", str(pid), *arguments]
    tracer = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    line = tracer.stderr.readline()
    if "attached" not in line:
        raise SystemExit(f"{' '.join(words)}: {line}")
    return tracer


def _child(channel, hold, words, pause, prepare):
    """Run the command, say what happens, and end the process. Outside of the command nothing writes to a file."""
    from tellapart.cli.main import main

    began = time.perf_counter()

    def say(what, *where):
        channel.sendall(json.dumps([what, time.perf_counter() - began, *where]).encode() + b"\n")

    _hear(say, pause)
    if prepare is not None:
        prepare()
    os.read(hold, 1)
    began = time.perf_counter()
    out = sys.stdout = sys.stderr = io.StringIO()
    code = main(words)
    told = {"code": code, "output": out.getvalue(), "modules": list(sys.modules)}
    channel.sendall(json.dumps(told).encode() + b"\n")
    os._exit(0)


def _hear(say, pause):
    """Let steps, saves and epochs be heard, and checkpoints be saved so often."""
    from tellapart.runs import checkpointer
    from tellapart.training import loop

    learn, save, take_in = (
        loop._learn_one_batch,
        checkpointer.save_checkpoint,
        checkpointer.Checkpointer._take_in,
    )

    def learn_and_say(step, loader, state, epochs):
        where = state.epoch, state.step
        done = learn(step, loader, state, epochs)
        say("step", *where)
        return done

    def save_and_say(path, model, state, best):
        say("save", state.epoch, state.step)
        save(path, model, state, best)
        say("saved", state.epoch, state.step)

    def take_in_and_say(self, event):
        say("epoch", event.epoch)
        take_in(self, event)

    loop._learn_one_batch = learn_and_say
    checkpointer.save_checkpoint = save_and_say
    checkpointer.Checkpointer._take_in = take_in_and_say
    if pause is not None:
        checkpointer.SECONDS_BETWEEN_CHECKPOINTS, checkpointer.SHARE_FOR_SAVING = pause, np.inf


def result_of(run):
    """Return what two equal trainings have in common: digests of the final bytes, the epochs, the files."""
    from tellapart.runs.event_log import read_log
    from tellapart.runs.tensors_file import read_tensors

    newest = next(
        place for place in (run / "last.safetensors", run / "last-new.safetensors") if place.exists()
    )
    tensors, metadata = read_tensors(newest)
    state = json.loads(metadata["standing"])
    for done in state["history"]:
        del done["seconds"]
    log = [line["epoch"] for line in read_log(run / "log.jsonl")[0] if line["event"] == "EpochDone"]
    rows = (run / "metrics.csv").read_text().splitlines()
    with zipfile.ZipFile(run / "model.keras") as model:
        entries = {name: model.read(name) for name in sorted(model.namelist()) if name != "metadata.json"}
    entries["config.json"] = re.sub(rb'"shared_object_id": \d+', b"", entries["config.json"])
    predictions, _ = read_tensors(run / "predictions.safetensors")
    return {
        "weights": _digest(tensors, "weights/"),
        "optimizer": _digest(tensors, "optimizer/"),
        "best": _digest(tensors, "best/"),
        "state": state,
        "model": {name: hashlib.sha256(content).hexdigest()[:16] for name, content in entries.items()},
        "predictions": _digest(predictions, ""),
        "epochs": sorted(set(log)),
        "metrics": [row.rsplit(",", 1)[0] for row in rows],
        "files": names_in(run),
    }


def _digest(tensors, prefix):
    digest = hashlib.sha256()
    for name in sorted(tensors):
        if name.startswith(prefix):
            digest.update(name.encode() + tensors[name].tobytes())
    return digest.hexdigest()[:16]


def names_in(run):
    """Return every file in a folder but the lock's own and the checkpoint before the last.

    After a kill between two renames the newest checkpoint is called last-new, and stays so if no step is left to do.
    """
    names = {str(place.relative_to(run)).replace("last-new", "last") for place in run.rglob("*")}
    return sorted(name for name in names if not name.startswith(".lock") and "-previous" not in name)


OPERATIONS = (
    *(
        "write",
        "pwrite64",
        "writev",
        "fsync",
        "fdatasync",
        "ftruncate",
        "fallocate",
        "rename",
        "renameat",
        "renameat2",
    ),
    *(
        "unlink",
        "unlinkat",
        "mkdir",
        "mkdirat",
        "rmdir",
        "chmod",
        "fchmod",
        "openat",
        "open",
        "creat",
        "link",
    ),
)
"""The system calls that change files or folders."""

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")


def operations_in(trace, folder):
    """Return the operations below a folder that a trace shows: (call, its how-manieth, path)."""
    counts, found = {}, []
    for line in trace.read_text(errors="replace").splitlines():
        if not (match := _CALL.match(line)):
            continue
        call, rest = match.groups()
        counts[call] = counts.get(call, 0) + 1
        if call in ("openat", "open") and "O_CREAT" not in rest:
            continue
        if str(folder) in rest:
            place = re.search(re.escape(str(folder)) + r"[^\"> ,]*", rest)[0]
            found.append((call, counts[call], place.removeprefix(str(folder)).lstrip("/")))
    return found
