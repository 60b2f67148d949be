"""`augment` shows what training would see; `train --augment` trains with it."""

import tomllib

import numpy as np
import pytest
from command_line import SMALL, tellapart
from PIL import Image

import tellapart as package
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError

QUICK = ("--recipe", "quick", "--size", "16")


def test_a_sheet_is_written_and_described(pictures, tmp_path):
    out = tmp_path / "sheet.png"
    result = tellapart("augment", pictures, *QUICK, "--augment", "rotation_range=9,mixup", "--out", out)
    assert result.code == 0
    assert "8 pictures, 8 draws" in result.out
    assert "rotation range" in result.out
    assert "mixup" in result.out
    with Image.open(out) as sheet:
        assert sheet.width > 9 * 96
        assert sheet.height > 8 * 96


def test_a_sheet_in_json(pictures):
    result = tellapart(
        "augment", pictures, *QUICK, "--augment", "none,random-erasing", "--pictures", 2, "--json"
    )
    assert result.json == {
        "sheet": "augmentation.png",
        "recipe": "quick",
        "augmentation": {"policies": ["random-erasing"]},
        "mixing": "none",
    }


def test_the_network_standardizes_and_the_sheet_says_so(pictures):
    assert "layers of the network" in tellapart("augment", pictures, *QUICK, "--augment", "zca_whitening").out


def test_a_sheet_shows_the_draws_of_the_training(pictures):
    """The same seed, the same images: those that the loader gives in the first epochs."""
    sheet = package.augment(
        pictures, recipe="quick", augment="none,horizontal_flip", pictures=6, draws=5, size=(16, 16)
    )
    assert sheet.class_names == ("dark", "light") * 3
    mirrored = (sheet.draws == sheet.originals[:, :, ::-1]).all((2, 3, 4))
    kept = (sheet.draws == sheet.originals).all((2, 3, 4))
    assert (mirrored | kept).all()
    assert mirrored.any()
    assert kept.any()


def test_no_augmentation_shows_the_pictures(pictures):
    sheet = package.augment(pictures, recipe="quick", augment=False, draws=2, size=(16, 16))
    np.testing.assert_array_equal(sheet.draws, np.stack([sheet.originals] * 2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--augment", "rotation=3"], "Did you mean rotation_range"),
        (["--out", "sheet.jpg"], "does not end in .png"),
        (["--recipe", "fast", "--augment", "zca_whitening"], "standardizes pixels itself"),
    ],
)
def test_what_cannot_be_shown_is_refused(pictures, arguments, words):
    result = tellapart("augment", pictures, *arguments)
    assert result.code == 2
    assert words in " ".join(result.err.split())


def test_a_sheet_is_not_overwritten(pictures, tmp_path):
    out = tmp_path / "sheet.png"
    out.write_bytes(b"mine")
    result = tellapart("augment", pictures, "--out", out)
    assert (result.code, out.read_bytes()) == (2, b"mine")


def test_digits_are_not_mirrored_unasked():
    result = tellapart("augment", "digits", "--augment", "horizontal_flip")
    assert result.code == 2
    assert "a 6 upside down is a 9" in " ".join(result.err.split())
    assert tellapart("augment", "digits", "--augment", "horizontal_flip,any_orientation").code == 0


def test_a_training_keeps_its_augmentation(pictures, tmp_path):
    run = tmp_path / "run"
    spec = [
        "--augment",
        "rotation_range=9",
        "--augment",
        "rand-augment.magnitude=5,featurewise_center,cutmix",
    ]
    result = tellapart("train", pictures, *SMALL, *spec, "--predictions", 0, "--out", run)
    assert result.code == 0, result.err
    saved = tomllib.loads((run / "run.toml").read_text())["run"]
    assert saved["augmentation"]["rotation_range"] == 9
    assert saved["augmentation"]["policies"][0]["magnitude"] == 5
    assert saved["mixing"] == "cutmix"
    model = package.load(run).model
    assert "featurewise" in [layer.name for layer in model.layers]
    assert tellapart("evaluate", run, "--json").code == 0
    resumed = tellapart("train", "--resume", run, "--augment", "rotation_range=3")
    assert resumed.code == 2
    assert "keeps its settings" in resumed.err


def test_augment_and_no_augment_exclude_each_other(pictures):
    result = tellapart("train", pictures, *SMALL, "--augment", "cutout=3", "--no-augment")
    assert result.code == 2
    assert "not both" in result.err


def test_a_run_with_a_function_says_that_it_cannot_be_resumed(pictures, tmp_path):
    run = tmp_path / "run"
    seen = []

    def noticed(image):
        seen.append(image.shape)
        return image

    settings = {"recipe": "quick", "size": (16, 16), "epochs": 2, "predictions": 0, "verbose": False}
    function = Augmentation(preprocessing_function=noticed)
    package.train(pictures, out=run, augmentation=function, should_stop=lambda: len(seen) > 0, **settings)
    assert set(seen) == {(16, 16, 3)}
    with pytest.raises(ConfigError, match=r"noticed, a function in Python that no run folder can hold"):
        package.train(resume=run, verbose=False)
