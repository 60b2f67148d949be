"""Small trainings whose folders are damaged, cut and fought over: pictures, settings, forks, what a folder holds.

Each takes about a second. Everything runs in forks of a process that has imported all and computed nothing.
"""

import hashlib
import json
import os
import re
import select
import signal
import time
import traceback
import zipfile
from dataclasses import replace

import numpy as np

EPOCHS = 3


def pictures(count=80, side=24, classes=3, seed=0):
    """Return noise (count, side, side, 3) of a color for each class, and the labels."""
    labels = np.arange(count) % classes
    noise = np.random.default_rng(seed).integers(0, 160, (count, side, side, 3))
    return (noise + 90 * np.eye(3)[labels][:, None, None]).astype(np.uint8), labels


def picture_folder(place, count=80, side=24):
    """Write `pictures` as PNG files, a folder for each class; return `place`."""
    from PIL import Image

    images, labels = pictures(count, side)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = place / "abc"[label] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return place


def config_of(name, augment=True, **changes):
    """Return the settings of a small training by an optimizer, or of recipe `transfer`."""
    from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
    from tellapart.recipes.recipes import fast, quick, transfer
    from tellapart.recipes.transfer_settings import HeadSettings

    common = {"precision": "float32", "predictions": 4, **changes}
    epochs = {"epochs": EPOCHS, "batch_size": 12, "validation_share": 0.2}
    if name == "transfer":
        config = transfer(mirrors=False)
        tuning = replace(config.fine_tuning, epochs=EPOCHS, batch_size=12)
        if not augment:
            tuning = replace(tuning, augmentation=None)
        head = HeadSettings(penalties=(0.1, 1.0), folds=2, mirror=False)
        return config.changed(head=head, fine_tune="on", fine_tuning=tuning, size=(32, 32), **common)
    if name == "Muon":
        config = fast().changed(widths=(8, 8, 8), statistics_over=4, **epochs, **common)
        assert isinstance(config.optimizer, MuonSettings)
    else:
        rate = {"SGD": 0.05, "RMSprop": 1e-3, "Adam": 1e-3}[name]
        optimizer = OptimizerSettings(name=name, learning_rate=rate, schedule="cosine", warmup_fraction=0.3)
        config = quick().changed(optimizer=optimizer, size=(16, 16), **epochs, **common)
    return config if augment else replace(config, augmentation=None)


OPTIMIZERS = ("SGD", "RMSprop", "Adam", "Muon")


def import_everything():
    """Import what trainings and commands need before they are forked, without starting a thread."""
    import h5py  # noqa: F401
    import safetensors.numpy  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch

    import tellapart.api.evaluate
    import tellapart.api.explain
    import tellapart.api.predict
    import tellapart.api.report
    import tellapart.api.summary
    import tellapart.api.train
    import tellapart.cli.main
    import tellapart.cli.terminal.training
    import tellapart.explanations.explainer  # noqa: F401
    from tellapart.keras_backend import import_keras

    torch.set_num_threads(1)
    import_keras()


def save_at_every_step():
    """Let every step end with a checkpoint, in this process."""
    from tellapart.runs import checkpointer

    checkpointer.SECONDS_BETWEEN_CHECKPOINTS = -1.0
    checkpointer.SHARE_FOR_SAVING = np.inf


def before(module, name, act):
    """Let `act` be called before a function of a module."""
    function = getattr(module, name)

    def acting(*arguments, **named):
        act()
        return function(*arguments, **named)

    setattr(module, name, acting)


class Forked:
    """A function in a forked process; what it returns comes back as JSON.

    Its outcome is "fine" with a value, "refused" (an error of ours), "traceback", "killed" or "too slow".
    """

    def __init__(self, work, *arguments, streams=None):
        """Begin.

        Args:
            work: called with the arguments; it returns what JSON can hold.
            arguments: of `work`.
            streams: file that stdout and stderr go to; None: nowhere.
        """
        reader, writer = os.pipe()
        self.began = time.perf_counter()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            _be_child(writer, work, arguments, streams)
        os.close(writer)
        self.reader = reader

    def end(self, seconds=120):
        """Wait, at most so long; return {outcome, message, value, pid, code, seconds}."""
        answer = _read(self.reader, time.perf_counter() + seconds)
        if answer is None:
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        told = {"message": "", "value": None, "pid": self.pid, "code": os.waitstatus_to_exitcode(status)}
        told["seconds"] = round(time.perf_counter() - self.began, 3)
        if answer is None:
            return told | {"outcome": "too slow"}
        return told | (json.loads(answer) if answer else {"outcome": "killed"})


def forked(work, *arguments, seconds=120):
    """Return how a function ended in a process of its own."""
    return Forked(work, *arguments).end(seconds)


def _be_child(writer, work, arguments, streams):
    for number in (0, 1, 2):
        os.dup2(
            os.open(streams if streams and number else os.devnull, os.O_RDWR | os.O_CREAT | os.O_APPEND),
            number,
        )
    content = json.dumps(_outcome(work, arguments)).encode("utf-8", "replace")
    while content:
        content = content[os.write(writer, content) :]
    os._exit(0)


def _outcome(work, arguments):
    from tellapart.errors import TellapartError

    try:
        return {"outcome": "fine", "value": work(*arguments)}
    except TellapartError as reason:
        return {"outcome": "refused", "message": str(reason)}
    except BaseException:
        return {"outcome": "traceback", "message": traceback.format_exc()[-3000:]}


def _read(reader, until):
    """Return all that a pipe brings before it is closed; None where that takes too long."""
    content = b""
    try:
        while (left := until - time.perf_counter()) > 0:
            if not select.select([reader], [], [], left)[0]:
                break
            part = os.read(reader, 1 << 16)
            if not part:
                return content
            content += part
        return None
    finally:
        os.close(reader)


def state_of(run):
    """Return what a run folder holds of its training, as digests: equal where not one bit differs.

    Weights and optimizer of the last checkpoint, the weights and the card in model.keras, the predictions, the figures
    of the epochs and of the scores. Times are left out.
    """
    from tellapart.runs.event_log import read_log

    state = {}
    for name in ("last", "predictions"):
        place = run / f"{name}.safetensors"
        if place.exists():
            state |= _tensors_of(place, name)
    if (run / "model.keras").exists():
        state |= _model_of(run / "model.keras")
    lines, damaged = read_log(run / "log.jsonl")
    epochs = {}
    for line in lines:
        figures = {
            name: value
            for name, value in line.items()
            if name not in ("at", "seconds") and not re.fullmatch("[0-9a-f]{8}", str(value))
        }  # without a checksum whose name was hit, which is one more value that nobody reads
        if line["event"] == "EpochDone":
            epochs[line["epoch"]] = figures
        elif line["event"] in ("Scored", "ScoredWithoutTta", "HeadFitted", "FineTuned"):
            state[line["event"]] = digest(json.dumps(figures, sort_keys=True))
    state["epochs"] = digest(json.dumps([epochs[number] for number in sorted(epochs)], sort_keys=True))
    return state | ({"damaged lines": str(damaged)} if damaged else {})


def _tensors_of(place, name):
    from tellapart.runs.tensors_file import read_tensors

    tensors, metadata = read_tensors(place)
    groups = {}
    for key in sorted(tensors):
        groups.setdefault(key.split("/")[0], []).append(tensors[key])
    state = {f"{name}/{group}": digest(*values) for group, values in groups.items()}
    if "standing" in metadata:
        standing = json.loads(metadata["standing"])
        history = [{key: row[key] for key in row if key != "seconds"} for row in standing.pop("history")]
        state[f"{name}/standing"] = digest(json.dumps([standing, history], sort_keys=True))
    return state


def _model_of(place):
    """Return the digests of what a model file holds, but for its list of layers, whose names count up."""
    import h5py

    state = {}
    with zipfile.ZipFile(place) as archive:
        for name in archive.namelist():
            values = [archive.read(name)]
            if name.endswith(".h5"):
                with archive.open(name) as file, h5py.File(file) as weights:
                    values = _data_sets(weights)
            if name.endswith((".h5", ".safetensors")) or name == "tellapart.json":
                state[f"model/{name}"] = digest(*values)
    return state


def _data_sets(group):
    import h5py

    values = []
    group.visititems(lambda _, item: values.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return values


def digest(*values):
    hashed = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray | np.generic):
            value = repr((value.dtype.str, value.shape)).encode() + np.ascontiguousarray(value).tobytes()
        hashed.update(value if isinstance(value, bytes) else str(value).encode())
    return hashed.hexdigest()


def differing(state, expected):
    """Return the names of what differs between two states."""
    return sorted(name for name in {*state, *expected} if state.get(name) != expected.get(name))
