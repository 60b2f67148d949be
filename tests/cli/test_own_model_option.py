"""`tellapart train --model FILE.keras`, as people type it."""

from pathlib import Path

import numpy as np
import pytest
from command_line import tellapart

import tellapart as package  # before Keras: it chooses the backend

import keras  # isort: skip

layers = keras.layers
FAST = ("--epochs", "2", "--validation-share", "0.2")


@pytest.fixture
def model_file(tmp_path):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [keras.Input((12, 12, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def test_a_model_file_is_trained_said_and_used_without_options(model_file, pictures):
    trained = tellapart("train", pictures, "--model", model_file, *FAST, "--out", "run")
    assert trained.code == 0, trained.err
    said = trained.out + trained.err
    assert "Pixels: 0 to 1 (assumed: no layer of it scales them). Otherwise: --pixels" in said
    assert "Compiled: Adam, learning rate 0.001, loss SparseCategoricalCrossentropy, metrics accuracy" in said
    assert "own-model: 2 epochs" in said
    again = f"tellapart train {pictures} --model {model_file} --epochs 2 --validation-share 0.2 --learning-rate 0.001"
    assert again in (Path("run") / "report.html").read_text()
    picture = next((pictures / "dark").iterdir())
    for command in (["predict", "run", picture], ["evaluate", "run"], ["summary", "run"], ["report", "run"]):
        result = tellapart(*command)
        assert result.code == 0, result.err
        assert "was not saved by tellapart" not in result.out + result.err


def test_pixels_that_are_given_are_those_that_the_model_gets(model_file, pictures):
    result = tellapart("train", pictures, "--model", model_file, "--pixels", "-1-1", *FAST, "--out", "run")
    assert result.code == 0, result.err
    assert "Pixels: -1 to 1 (given)" in result.out + result.err
    saved = package.load("run").model
    black = np.zeros((1, 12, 12, 3), np.float32)
    inner = keras.Sequential(saved.layers[-3:])
    np.testing.assert_allclose(saved(black).detach(), inner(black - 1).detach(), atol=1e-6)


def test_a_stopped_run_of_a_model_file_is_resumed_by_the_command_alone(model_file, pictures):
    steps = iter(range(1, 100))
    package.train(
        pictures, model=model_file, out="run", epochs=2, verbose=False, should_stop=lambda: next(steps) == 2
    )
    result = tellapart("train", "--resume", "run")
    assert result.code == 0, result.err
    again = tellapart("train", "--resume", "run", "--model", model_file)
    assert again.code == 2
    assert "has its model" in again.err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model", "nowhere.keras"], 1, "nowhere.keras"),
        (["--pixels", "0-1"], 2, "--model FILE.keras"),
        (["--model", "FILE", "--recipe", "fast"], 2, "recipe cannot be chosen"),
        (["--model", "FILE", "--backbone", "lite0"], 2, "backbone cannot be chosen"),
        (["--model", "FILE", "--size", "32"], 2, "12 x 12"),
        (["--model", "FILE", "--pixels", "0-2"], 2, "0-255"),
    ],
)
def test_what_does_not_fit_beside_a_model_is_refused(options, code, words, model_file, pictures):
    result = tellapart("train", pictures, *[model_file if each == "FILE" else each for each in options])
    assert (result.code, words in result.err) == (code, True), result.err
