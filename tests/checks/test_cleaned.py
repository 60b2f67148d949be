"""The cleaned labels file leaves out what spoils a result, says why, and is read back."""

import hashlib

import numpy as np
import pytest
from albums import album_of, scene
from PIL import Image

from tellapart.checks.album import read_album
from tellapart.checks.check import Checked
from tellapart.checks.cleaned import write_cleaned
from tellapart.checks.duplicates import exact_pairs
from tellapart.checks.quality import findings_of_quality
from tellapart.checks.repeats import findings_of_repeats
from tellapart.checks.table import csv_table
from tellapart.data.open import open_dataset
from tellapart.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    """Train: cats 0 to 5, dogs 6 to 11, a second cat 0, dog 3 (a cat too), a broken cat. Test: cat 1, dog 20."""
    pictures = {f"train/cat/{n}.png": n for n in range(6)} | {f"train/dog/{n}.png": n for n in range(6, 12)}
    pictures |= {
        "train/cat/again.png": 0,
        "train/dog/3.png": 3,
        "test/cat/leak.png": 1,
        "test/dog/20.png": 20,
    }
    root = tmp_path / "photos"
    for name, seed in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene(seed)).save(root / name)
    (root / "train/cat/broken.png").write_bytes(b"<html>")
    return root


def checked(album):
    exact = exact_pairs(album)
    findings = (*findings_of_repeats(album, exact, []), *findings_of_quality(album))
    return Checked(album, findings, tuple(exact), ())


def test_what_spoils_a_result_is_left_out_and_the_rest_is_read_back(folder, tmp_path):
    before = digest(folder)
    cleaned = write_cleaned(checked(read_album(open_dataset(folder))), tmp_path / "clean.csv")
    assert cleaned.left_out == {
        "train/cat/broken.png": "cannot be read",
        "train/cat/3.png": "same picture with another label",
        "train/dog/3.png": "same picture with another label",
        "train/cat/1.png": "same picture in another split",
        "train/cat/again.png": "same picture twice in the split",
    }
    dataset = open_dataset(folder, labels=tmp_path / "clean.csv")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 10, "test": 2}
    assert cleaned.kept == 12
    assert checked(read_album(dataset)).findings == ()
    assert digest(folder) == before


def digest(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [(path, path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]


def test_an_existing_file_is_not_replaced(folder, tmp_path):
    (tmp_path / "clean.csv").write_text("mine")
    with pytest.raises(ConfigError, match="not overwritten"):
        write_cleaned(checked(read_album(open_dataset(folder))), tmp_path / "clean.csv")
    assert (tmp_path / "clean.csv").read_text() == "mine"


def test_arrays_have_no_files_to_name(tmp_path):
    with pytest.raises(ConfigError, match="works only for folders"):
        write_cleaned(checked(album_of([scene(0), scene(1)])), tmp_path / "clean.csv")
    assert not (tmp_path / "clean.csv").exists()


def test_the_table_has_a_line_for_each_finding_and_picture(folder):
    head, *lines = csv_table(checked(read_album(open_dataset(folder)))).splitlines()
    assert head == "finding,severity,group,id,split,label,suggested,note"
    assert "leak,serious,1,test/cat/leak.png,test,cat,," in "\n".join(lines)
    assert len([line for line in lines if line.startswith("conflicting labels,serious,1,")]) == 2
    assert any("unreadable,serious,1,train/cat/broken.png,train,cat,," in line for line in lines)


def test_sizes_and_kinds_of_pixels_are_of_the_files(folder):
    Image.fromarray(scene(30)).convert("L").save(folder / "train/dog/gray.png")
    Image.fromarray(np.uint16(scene(31)[..., 0]) * 200).save(folder / "train/dog/deep.png")
    findings = {finding.kind: finding for finding in findings_of_quality(read_album(open_dataset(folder)))}
    assert findings["modes"].seen == "16 color, 1 gray, 16 bits, 1 gray"
