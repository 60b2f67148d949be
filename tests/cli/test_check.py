"""`check` says what is wrong with pictures, shows them on a page, and leaves them as they are."""

import csv
import hashlib
import shutil

import numpy as np
import pytest
from command_line import tellapart
from PIL import Image


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twelve noisy pictures a class; one of them is also a test picture, one is broken."""
    root = tmp_path_factory.mktemp("checked") / "photos"
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 3)):
        for shade, name in ((60, "dark"), (160, "light")):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = shade + np.kron(random.integers(0, 80, (8, 8, 3)), np.ones((5, 5, 1)))
                Image.fromarray(pixels.astype(np.uint8)).save(root / split / name / f"{number}.png")
    shutil.copy(root / "train/dark/3.png", root / "test/dark/copy.png")
    (root / "train/light/0.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def checked(photos, tmp_path_factory):
    """Everything at once: the JSON, the page, the cleaned labels."""
    place = tmp_path_factory.mktemp("results")
    before = digest(photos)
    out, fix = place / "page.html", place / "clean.csv"
    result = tellapart("check", photos, "--out", out, "--fix", fix, "--json", "--quiet")
    assert digest(photos) == before
    return result, out, fix


def digest(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [(str(path), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def test_what_was_found_is_serious_and_named(checked):
    result, *_ = checked
    assert result.code == 5
    findings = {finding["kind"]: finding for finding in result.json["findings"]}
    assert findings["leak"]["groups"] == [["test/dark/copy.png", "train/dark/3.png"]]
    assert findings["unreadable"]["groups"] == [["train/light/0.png"]]
    assert "no known picture format" in findings["unreadable"]["notes"]["train/light/0.png"]
    assert all(finding["effect"] and finding["advice"] for finding in findings.values())


def test_the_page_shows_it(checked):
    result, out, _ = checked
    text = out.read_text()
    assert result.json["page"] == str(out)
    assert "Same picture in two splits" in text
    assert 'aria-label="test/dark/copy.png"' in text
    assert text.index('<ul class="groups">') < text.index("What it does")


def test_the_cleaned_labels_leave_both_out(checked):
    result, _, fix = checked
    rows = list(csv.reader(fix.open()))
    assert rows[0] == ["id", "label", "split"]
    assert len(rows) - 1 == result.json["fixed"]["kept"] == 29
    assert set(result.json["fixed"]["left_out"]) == {"train/dark/3.png", "train/light/0.png"}


def test_a_clean_set_ends_with_0_and_few_lines(checked, photos, tmp_path):
    _, _, fix = checked
    result = tellapart("check", photos, "--labels", fix, "--quiet", "--out", tmp_path / "check.html")
    assert result.code == 0, result.err
    assert len(result.out.splitlines()) <= 15
    assert "Details and pictures" in result.out


@pytest.mark.parametrize("option", ["--out", "--fix", "--csv"])
def test_no_file_of_others_is_replaced(photos, tmp_path, option):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    result = tellapart("check", photos, option, mine)
    assert result.code == 2
    assert f"{mine} already exists" in result.err
    assert mine.read_text() == "mine"


def test_what_training_refuses_is_a_finding(tmp_path):
    for number in range(3):
        (tmp_path / "only" / "cat").mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (40, 40, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "only" / "cat" / f"{number}.png")
    result = tellapart("check", tmp_path / "only", "--json", "--quiet", "--out", tmp_path / "check.html")
    assert result.code == 5
    assert result.json["findings"][0]["kind"] == "single class"
