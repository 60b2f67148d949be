"""Model files that were made to harm: refused in one paragraph, soon, and with nothing read, run or filled."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hostile_code import BOTH_FORMATS, entry_outside, link_outside, texts_of, two_configurations
from hostile_configs import SIZES, write_attention, write_bomb
from hostile_models import (
    SECRET,
    WEIGHTS,
    fifo,
    good_models,
    named_again_and_again,
    with_card,
    with_config,
    with_weights,
)
from PIL import Image

VERBS = Path(__file__).parents[2] / "benchmarks" / "faults" / "model_verbs.py"
ELSEWHERE = ("external", "virtual", "endless_virtual", "external_link")
"""Kinds of weights that lie in another file: made once with a file of numbers, and once with a pipe."""

BOMBS = ("config.json", "tellapart.json", "model.weights.h5", "tellapart-features.safetensors", "assets/more")
CARDS = {
    "huge": {"preprocessing": {"height": 16_000, "width": 16_000, "channels": 3, "policy": "crop"}},
    "classes": {"class_names": [str(number) for number in range(500_000)]},
    "no-novelty": {"novelty": {"method": "features", "limit": 1.0}},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def good(place):
    return {path.suffix: path for path in good_models(place)}


@pytest.fixture(scope="module")
def files(place, good):
    """All hostile files by name."""
    folder = place / "files"
    folder.mkdir()
    secret, pipe, canary = place / "secret.bin", fifo(place / "pipe"), place / "canary"
    secret.write_bytes(SECRET.tobytes())
    for suffix, model in good.items():
        for name, make in WEIGHTS.items():
            with_weights(
                model, folder / f"{name}{suffix}", lambda file, kernel, make=make: make(file, kernel, secret)
            )
        for name in ELSEWHERE:
            with_weights(
                model,
                folder / f"{name}-pipe{suffix}",
                lambda file, kernel, name=name: WEIGHTS[name](file, kernel, pipe),
            )
        for name, change in SIZES.items():
            with_config(model, folder / f"{name}{suffix}", change)
        for name, make in BOTH_FORMATS.items():
            make(model, folder / f"{name}{suffix}", canary)
    plain = good[".keras"]
    for name in BOMBS:
        write_bomb(plain, folder / f"bomb-{name.replace('/', '-')}.keras", name, 200_000_000)
    for name, changes in CARDS.items():
        with_card(plain, folder / f"card-{name}.keras", **changes)
    write_attention(folder / "attention.keras")
    named_again_and_again(folder / "names.h5")
    two_configurations(plain, folder / "two.keras")
    link_outside(plain, folder / "link.keras", secret)
    for number, name in enumerate(("../../outside", "/tmp/outside", "assets/../../outside", "..\\outside")):
        entry_outside(plain, folder / f"outside-{number}.keras", name)
    return {path.name: path for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def photos(place):
    for name in ("cat", "dog"):
        (place / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (12, 12), "red" if name == "cat" else "blue").save(place / "photos" / name / "0.png")
    return place / "photos"


def verbs_on(photos, files, *verbs):
    """What each verb does with each file, each in a process of its own."""
    command = [sys.executable, VERBS, photos, *files, "--verbs", *verbs]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def told(photos, files, good):
    """How the commands end for each hostile file."""
    return verbs_on(photos, files.values(), "predict", "summary")


def test_there_are_enough_of_them_and_the_good_ones_are_good(photos, files, good):
    assert len(files) >= 120
    answers = verbs_on(
        photos,
        good.values(),
        "load",
        "predict",
        "evaluate",
        "explain",
        "explain_fully",
        "summary",
        "backbone",
    )
    assert {answer["outcome"] for answer in answers} == {"fine"}


def test_each_is_refused_in_one_paragraph(told):
    answered = {(a["file"], a["verb"]) for a in told if a["outcome"] != "refused"}
    of_cards = {(f"card-{name}.keras", "summary") for name in CARDS}  # a summary takes no pictures
    training = {
        (f"compiled_with_code{suffix}", verb)
        for suffix in (".keras", ".h5")
        for verb in ("predict", "summary")
    }
    assert answered <= of_cards | training  # how a model was trained is never read
    assert all(
        0 < len(a["message"]) < 1000 and "\n" not in a["message"] for a in told if a["outcome"] == "refused"
    )
    assert all(a["file"] in a["message"] for a in told if a["outcome"] == "refused")


def test_none_takes_long_or_much(told):
    assert {a["file"]: a["seconds"] for a in told if a["seconds"] > 10} == {}
    assert {a["file"]: a["megabytes"] for a in told if a["megabytes"] > 1024} == {}


def test_none_runs_writes_or_connects(told, place):
    assert [a for a in told if a["outside"]] == []
    assert not (place / "canary").exists()
    assert not [
        path for path in (place / "outside", place.parent / "outside", Path("/tmp/outside")) if path.exists()
    ]


def test_no_number_of_another_file_comes_back(told):
    shown = " ".join(a["message"] for a in told if a["file"].startswith(ELSEWHERE))
    assert not [number for number in SECRET if str(int(number)) in shown]


def test_all_ways_to_open_a_model_refuse_numbers_that_lie_elsewhere(photos, files):
    named = [files[f"{name}{suffix}"] for name in ELSEWHERE for suffix in (".keras", ".h5")]
    ways = ("load", "evaluate", "explain", "explain_fully", "backbone")
    answers = verbs_on(photos, named, *ways)
    assert {answer["outcome"] for answer in answers} == {"refused"}
    weights = [file for file in files.values() if file.suffix == ".h5" and file.stem in WEIGHTS]
    answers = verbs_on(photos, weights, "backbone_weights")
    assert {answer["outcome"] for answer in answers} == {"refused"}
    assert all("is refused" in answer["message"] for answer in answers)


@pytest.mark.parametrize("name", sorted(BOTH_FORMATS))
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_the_files_hold_what_they_are_named_for(files, name, suffix):
    text = texts_of(files[f"{name}{suffix}"])
    signs = (
        "Lambda",
        "os",
        "Popen",
        "get_file",
        "Lookup",
        "Torch",
        "TFSM",
        "Tokenizer",
        "load_model",
        "Vectorization",
    )
    assert any(sign in text for sign in signs)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".png", ""])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link to a device"])
def test_what_is_no_file_is_refused_at_once(kind, suffix, tmp_path, photos):
    import tellapart
    from tellapart.classifier.backbone_choice import choose_backbone
    from tellapart.classifier.model_file import is_model_file

    path = tmp_path / f"model{suffix}"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "link to a device": lambda: path.symlink_to("/dev/full"),
    }
    make[kind]()
    begun = time.monotonic()
    assert is_model_file(path) == (suffix in (".keras", ".h5"))
    for way in (tellapart.load, tellapart.summary, lambda path: choose_backbone(f"MobileNetV2={path}.h5")):
        with pytest.raises(tellapart.TellapartError):
            way(path)
    assert time.monotonic() - begun < 10
