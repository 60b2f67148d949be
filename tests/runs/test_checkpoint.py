"""Checkpoints: whole after a crash anywhere in a save; of two, the newest that is whole is taken, and it is said."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tellapart.errors import ModelError, SaveError
from tellapart.files import is_temporary
from tellapart.keras_backend import import_keras
from tellapart.runs.checkpoint import checkpoint_exists, load_checkpoint, previous, save_checkpoint
from tellapart.runs.tensors_file import read_tensors, write_tensors
from tellapart.training.state import TrainState

keras = import_keras()


def small_model(bias=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(), "mse")
    model.optimizer.build(model.trainable_variables)
    model.layers[0].bias.assign([bias] * 3)
    return model


def loaded(path):
    """Return the epoch and the bias of the checkpoint that is loaded, and what is said."""
    model = small_model(-1)
    state, _, said = load_checkpoint(path, model)
    return state.epoch, float(model.layers[0].bias[0]), said


@pytest.fixture
def path(tmp_path):
    """A checkpoint of epoch 2, and the one of epoch 1 before it."""
    path = tmp_path / "last.safetensors"
    for epoch in (1, 2):
        save_checkpoint(path, small_model(epoch), TrainState(epoch=epoch), None)
    return path


class Crash(BaseException):
    """Stands in for the end of the process."""


def call_at(monkeypatch, number, error):
    """Raise an error at the number-th call to the system, from 0; return a list that gets the calls."""
    calls = []

    def counted(function):
        def call(*arguments, **named):
            calls.append(function.__name__)
            if len(calls) == number + 1:
                raise error
            return function(*arguments, **named)

        return call

    for name in ("mkdir", "open", "fsync", "replace"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return calls


def calls_of_a_save(path):
    with pytest.MonkeyPatch.context() as watched:
        calls = call_at(watched, 10**6, Crash())
        save_checkpoint(path, small_model(3), TrainState(epoch=3), None)
    return len(calls)


def test_a_crash_at_any_call_of_a_save_leaves_a_whole_checkpoint(tmp_path, path):
    """In each case epoch 2 or 3 is loaded, never 1, and the next save works."""
    states = {place.name: place.read_bytes() for place in tmp_path.iterdir()}
    total, seen = calls_of_a_save(path), set()
    assert total >= 12
    for number in range(total):
        for place in tmp_path.iterdir():
            place.unlink()
        for name, content in states.items():
            (tmp_path / name).write_bytes(content)
        with pytest.MonkeyPatch.context() as crashing:
            call_at(crashing, number, Crash())
            with pytest.raises(Crash):
                save_checkpoint(path, small_model(3), TrainState(epoch=3), None)
        assert checkpoint_exists(path)
        epoch, bias, said = loaded(path)
        assert (epoch, said) == (bias, "")
        seen.add(epoch)
        save_checkpoint(path, small_model(4), TrainState(epoch=4), None)
        assert loaded(path)[:2] == (4, 4)
    assert seen == {2, 3}


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_checkpoint import TrainState, save_checkpoint, small_model
count = 0
def killing(function):
    def call(*arguments, **named):
        global count
        count += 1
        if count == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **named)
    return call
model = small_model(3)
for name in ("fsync", "replace"):
    setattr(os, name, killing(getattr(os, name)))
save_checkpoint(Path({path!r}), model, TrainState(epoch=3), None)
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(("number", "epoch"), [(2, 2), (4, 2), (6, 3)])
def test_a_process_killed_in_a_save_leaves_a_whole_checkpoint(path, number, epoch):
    """Killed at the first rename, the second, and the third."""
    script = KILLED.format(folder=os.path.dirname(__file__), number=number, path=str(path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == -9, done.stderr
    assert loaded(path) == (epoch, epoch, "")


@pytest.mark.parametrize("error", [28, 5])
def test_a_disk_that_fails_at_any_call_of_a_save_keeps_a_whole_checkpoint_and_leaves_no_litter(
    tmp_path, path, error
):
    for number in range(calls_of_a_save(path)):
        before = loaded(path)[0]
        with pytest.MonkeyPatch.context() as failing:
            call_at(failing, number, OSError(error, os.strerror(error)))
            try:
                save_checkpoint(path, small_model(before + 1), TrainState(epoch=before + 1), None)
                saved = before + 1
            except SaveError:
                saved = before
        epoch, bias, said = loaded(path)
        assert epoch == bias
        assert saved <= epoch <= before + 1
        assert said == ""
        assert not [place for place in tmp_path.iterdir() if is_temporary(place)]


@pytest.mark.parametrize("name", ["", "-previous"])
def test_every_flipped_bit_is_found_or_harmless(path, name):
    """Where the newest is damaged, the one before it is loaded, which is said."""
    place = path.with_stem(path.stem + name)
    content = place.read_bytes()
    random = np.random.default_rng(0)
    for bit in random.choice(8 * len(content), 300, replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        place.write_bytes(damaged)
        epoch, bias, said = loaded(path)
        assert epoch == bias, f"bit {bit}"
        assert (epoch == 1) == ("going on from the one before it" in said), f"bit {bit}"
        if name:
            assert epoch == 2


@pytest.mark.parametrize("length", [0, 1, 8, 100, -1])
def test_a_checkpoint_cut_short_is_found(path, length):
    path.write_bytes(path.read_bytes()[:length])
    epoch, bias, said = loaded(path)
    assert (epoch, bias) == (1, 1)
    assert said.startswith(f"{path} is not a readable checkpoint")
    assert said.endswith("going on from the one before it, last-previous.safetensors.")


def rewritten(path, change):
    """Write a checkpoint again as somebody with bad intent would: its digest fits."""
    tensors, metadata = read_tensors(path)
    state = json.loads(metadata["standing"])
    change(tensors, state)
    write_tensors(path, tensors, {"standing": json.dumps(state)})


@pytest.mark.parametrize(
    "odd",
    [
        {"epoch": "x"},
        {"step": -1},
        {"pictures": 1.5},
        {"right": 10**30},
        {"loss_sum": None},
        {"divergences": []},
        {"history": [{}]},
        {"history": ["x"]},
        {"history": 3},
        {"other": 1},
    ],
    ids=str,
)
def test_a_state_that_no_training_has_is_passed_over(path, odd):
    rewritten(path, lambda _, state: state.update(odd))
    epoch, bias, said = loaded(path)
    assert (epoch, bias) == (1, 1.0)
    assert said.startswith(f"{path} is not a readable checkpoint (")


@pytest.mark.parametrize("best", [{"0": (4, 3)}, {"0": (4, 3), "1": (2,)}, {"0": (3, 4), "1": (3,)}])
def test_best_weights_of_another_shape_are_refused(path, best):
    rewritten(path, lambda tensors, _: tensors.update({f"best/{n}": np.zeros(s) for n, s in best.items()}))
    with pytest.raises(ModelError, match="belongs to another network"):
        loaded(path)


def test_with_both_damaged_nothing_is_loaded(path):
    for place in (path, previous(path)):
        place.write_bytes(b"rot")
    with pytest.raises(ModelError, match=r"not a readable checkpoint.*in a new run folder") as reason:
        loaded(path)
    assert "\n" not in str(reason.value)


def test_a_checkpoint_of_an_earlier_version_has_no_digest_and_is_read(path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        metadata = {"standing": file.metadata()["standing"]}
    save_file(tensors, path, metadata)
    assert loaded(path) == (2, 2, "")
