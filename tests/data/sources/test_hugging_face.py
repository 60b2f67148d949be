"""Data sets that Hugging Face's package `datasets` saved; skipped where it is not installed."""

import io

import numpy as np
import pytest
from PIL import Image

from tellapart.data.open import open_dataset
from tellapart.data.sources.label_choice import Labels
from tellapart.errors import DataError

datasets = pytest.importorskip("datasets")


def png(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


PNGS = [png(seed) for seed in range(4)]


def table(rows, **columns):
    features = datasets.Features(
        {"image": datasets.Image(), "labels": datasets.ClassLabel(names=["cat", "dog"])}
        | {name: datasets.Value("string") for name in columns}
    )
    content = {
        "image": [{"bytes": PNGS[row], "path": None} for row in rows],
        "labels": [row % 2 for row in rows],
    }
    return datasets.Dataset.from_dict(content | columns, features=features)


def test_a_saved_data_set_with_splits_is_read(tmp_path):
    parts = datasets.DatasetDict({"train": table([0, 1]), "validation": table([2, 3])})
    parts.save_to_disk(str(tmp_path / "beans"))
    dataset = open_dataset(tmp_path / "beans")
    assert (dataset.name, dataset.class_names) == ("beans", ("cat", "dog"))
    assert {name: (split.ids, split.labels.tolist()) for name, split in dataset.splits.items()} == {
        "train": (("train/00000", "train/00001"), [0, 1]),
        "validation": (("validation/00000", "validation/00001"), [0, 1]),
    }
    read = dataset.splits["validation"].take(np.array([1])).images.read(0)
    np.testing.assert_array_equal(read, np.asarray(Image.open(io.BytesIO(PNGS[3]))))


def test_a_single_part_is_an_undivided_set(tmp_path):
    table([0, 1, 2, 3]).save_to_disk(str(tmp_path / "all"))
    assert {name: len(split) for name, split in open_dataset(tmp_path / "all").splits.items()} == {"train": 4}


def test_columns_are_chosen_and_missing_ones_named(tmp_path):
    table([0, 1], sort=["a", "b"]).save_to_disk(str(tmp_path / "all"))
    assert open_dataset(tmp_path / "all", labels=Labels(label_column="sort")).class_names == ("a", "b")
    with pytest.raises(
        DataError, match=r"--label-column breed: no such column\. It has: image, labels, sort"
    ):
        open_dataset(tmp_path / "all", labels=Labels(label_column="breed"))
