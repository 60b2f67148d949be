"""Classes, pictures and folders with names that nobody would choose: trained, resumed, predicted, reported."""

import csv
import io
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tomllib
import zipfile

import numpy as np
import pytest
from command_line import SMALL, in_own_process, tellapart
from PIL import Image

from tellapart.data.split import read_split_csv

CLASSES = [
    "two\nlines",
    "a\ttab\rreturn",
    "\x1b[2J\x1b]0;title\x07",
    "\u202egnp.tac",
    os.fsdecode(b"caf\xe9"),
    "=cmd|'calc'!A0",
    "n" * 255,
    " cat ",
]
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]")


def save(path, level, random):
    pixels = random.integers(0, 30, (16, 16, 3)) + 25 * level
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eight classes of twelve pictures; one picture of each class is named like the class."""
    root, random = tmp_path_factory.mktemp("names") / "my\nphotos\x1b[1m", np.random.default_rng(0)
    for level, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for number in range(11):
            save(root / name / f"{number}.png", level, random)
        save(root / name / f"{name[:251]}.png", level, random)
    return root


@pytest.fixture(scope="module")
def named_run(photos, tmp_path_factory):
    """A finished training on them."""
    run = tmp_path_factory.mktemp("run") / "run"
    result = tellapart("train", photos, *SMALL, "--out", run, "--json", "--quiet")
    assert result.code == 0, result.err
    return run


def test_a_training_keeps_every_name(photos, named_run):
    with zipfile.ZipFile(named_run / "model.keras") as archive:
        card = json.loads(archive.read("tellapart.json"))
    assert sorted(card["class_names"]) == sorted(CLASSES)
    settings = tomllib.loads((named_run / "run.toml").read_text("utf-8", "surrogateescape"))
    assert sorted(settings["data"]["class_names"]) == sorted(CLASSES)
    recorded = read_split_csv(named_run / "split.csv")
    assert {name for name, _ in recorded.values()} == set(CLASSES)
    assert {photos / identifier for identifier in recorded} == set(photos.rglob("*.png"))
    with Image.open(named_run / "predictions.png") as grid:
        grid.load()


def test_it_is_resumed(named_run, tmp_path):
    """From the checkpoint after the last epoch: scores, model and report are still to come."""
    run = shutil.copytree(named_run, tmp_path / "run")
    for name in ("model.keras", "predictions.safetensors", "predictions.png", "report.html"):
        (run / name).unlink()
    lines = (run / "log.jsonl").read_text().splitlines(keepends=True)
    (run / "log.jsonl").write_text("".join(line for line in lines if '"event": "Scored"' not in line))
    result = tellapart("train", "--resume", run, "--json", "--quiet")
    assert result.code == 0, result.err
    for name in ("model.keras", "predictions.png", "report.html"):
        assert (run / name).is_file()


def test_it_is_evaluated(named_run, photos):
    result = tellapart("evaluate", named_run, photos, "--split", "train", "--json")
    assert result.code == 0, result.err
    assert {row["name"] for row in result.json["scores"]["classes"]} == set(CLASSES)


def test_json_has_every_name(named_run, photos):
    result = tellapart("predict", named_run, photos, "--json")
    assert result.out.isascii()
    assert set(result.json["predictions"][0]["probabilities"]) == set(CLASSES)
    assert {row["picture"] for row in result.json["predictions"]} == {
        str(path) for path in photos.rglob("*.png")
    }


def test_a_csv_file_and_a_pipe_get_the_same_bytes_and_no_formula(named_run, photos, tmp_path):
    assert tellapart("predict", named_run, photos, "--csv", tmp_path / "table.csv").code == 0
    content = (tmp_path / "table.csv").read_bytes()
    command = [sys.executable, "-m", "tellapart", "predict", named_run, photos, "--csv", "-"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == content
    rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="")))
    assert len(rows) == 1 + 12 * len(CLASSES)
    assert all(len(row) == len(rows[0]) for row in rows)
    assert "'=cmd|'calc'!A0" in rows[0]
    assert not any(cell.startswith("=") for row in rows for cell in row)


def at_a_terminal(*arguments):
    """Run the command at a terminal of its own; return what it printed there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "tellapart", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        readable, _, _ = select.select([ours], [], [], 1)
        try:
            part = os.read(ours, 65536) if readable else b""
        except OSError:
            break
        if not part and process.poll() is not None:
            break
        said += part
    os.close(ours)
    process.wait(60)
    return said.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


def without_styles(said):
    """Remove what our own terminal library sends: colors, and moves of the cursor for progress."""
    return re.sub("\x1b\\[[0-9;?]*[mAKhl]|\r", "", said)


@pytest.mark.parametrize("form", [("--csv", "-"), ()])
def test_a_terminal_gets_no_control_characters(named_run, photos, form):
    said = without_styles(at_a_terminal("predict", named_run, photos, *form))
    assert "\\x1b[2J" in said
    assert "\\u202egnp.tac" in said
    assert not HARMFUL.search(said)


def test_pages_show_every_name_without_its_harm(named_run, photos, tmp_path):
    assert tellapart("report", named_run).code == 0
    picture = photos / CLASSES[4] / f"{CLASSES[4]}.png"
    longest = photos / CLASSES[6] / f"{CLASSES[6][:251]}.png"
    result = tellapart("explain", named_run, picture, longest, "--out", tmp_path / "pages", "--quick")
    assert result.code == 0, result.err
    pages = [named_run / "report.html", *(tmp_path / "pages").iterdir()]
    assert len(pages) == 3
    for page in pages:
        text = page.read_text(encoding="utf-8")  # strictly
        assert not HARMFUL.search(text)
        assert "\\u202egnp.tac" in text or "\\\\u202egnp.tac" in text


def test_split_csv_serves_as_a_file_of_labels(named_run, photos, tmp_path):
    result = tellapart(
        "train", photos, "--labels", named_run / "split.csv", *SMALL, "--out", tmp_path / "again"
    )
    assert result.code == 0, result.err
    assert read_split_csv(tmp_path / "again" / "split.csv") == read_split_csv(named_run / "split.csv")


def test_a_run_without_a_folder_given_gets_a_plain_name(photos, tmp_path):
    result = in_own_process("train", photos, *SMALL, "--quiet", cwd=tmp_path)
    assert result.code == 0, result.err
    (run,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"[\d-]+-my-photos-1m-quick", run.name)


def test_names_that_differ_only_in_normalization_are_refused(photos, tmp_path):
    for name in ("caf\u00e9", "cafe\u0301", "other"):
        (tmp_path / "two" / name).mkdir(parents=True)
        save(tmp_path / "two" / name / "0.png", 1, np.random.default_rng(0))
    result = tellapart("train", tmp_path / "two", *SMALL)
    assert result.code == 3
    assert "two folders are both spelled" in result.err
