import numpy as np
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from tellapart.data.images import ArrayImages
from tellapart.data.open import Dataset, Split, open_dataset
from tellapart.data.split import apply_split, divide, read_split_csv, write_split_csv
from tellapart.errors import ConfigError, DataError, SaveError


def dataset_of(labels, ids=None, **splits):
    labels = np.asarray(labels, np.int64)
    ids = ids or tuple(f"p{row}" for row in range(len(labels)))
    train = Split(tuple(ids), labels, ArrayImages(np.zeros((len(labels), 1, 1, 1), np.uint8)))
    names = tuple(f"class {number}" for number in range(labels.max() + 1))
    return Dataset("some", names, {"train": train, **splits}, True, (1, 1, 1), "memory")


LABELS = np.repeat([0, 1, 2], [100, 37, 13])


def counts(split):
    return np.bincount(split.labels, minlength=3)


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.2), (0.25, 0), (0, 0.5), (0.3, 0.3)])
def test_shares_per_class_are_those_of_scikit_learn(validation, test):
    """StratifiedShuffleSplit apportions by the same rule; it breaks ties otherwise, so one more or less."""
    divided = divide(dataset_of(LABELS), validation=validation, test=test, seed=0)
    for name, share in (("validation", validation), ("test", test)):
        if not share:
            assert name not in divided.splits
            continue
        oracle = StratifiedShuffleSplit(1, test_size=round(share * 150), random_state=0)
        _, drawn = next(oracle.split(LABELS, LABELS))
        assert len(divided.splits[name]) == round(share * 150)
        assert np.abs(counts(divided.splits[name]) - np.bincount(LABELS[drawn])).max() <= 1


def test_every_picture_is_in_exactly_one_split():
    divided = divide(dataset_of(LABELS), validation=0.2, test=0.2, seed=3)
    together = [identifier for split in divided.splits.values() for identifier in split.ids]
    assert sorted(together) == sorted(dataset_of(LABELS).splits["train"].ids)
    assert list(divided.splits) == ["train", "validation", "test"]


def test_the_draw_depends_on_ids_and_seed_not_on_order():
    ids = [f"p{row}" for row in range(150)]
    shuffled = np.random.default_rng(0).permutation(150)
    straight = divide(dataset_of(LABELS, ids), validation=0.1, test=0.2, seed=5)
    other = divide(
        dataset_of(LABELS[shuffled], [ids[row] for row in shuffled]), validation=0.1, test=0.2, seed=5
    )
    for name in straight.splits:
        assert set(straight.splits[name].ids) == set(other.splits[name].ids)
    assert set(divide(dataset_of(LABELS, ids), validation=0.1, test=0.2, seed=6).splits["test"].ids) != set(
        straight.splits["test"].ids
    )


def test_the_test_split_does_not_depend_on_the_validation_share():
    first, second = (divide(dataset_of(LABELS), validation=v, test=0.2, seed=0) for v in (0.05, 0.4))
    assert first.splits["test"].ids == second.splits["test"].ids


def test_the_draw_is_the_same_on_every_machine():
    divided = divide(dataset_of([0] * 10 + [1] * 10), validation=0, test=0.2, seed=0)
    assert divided.splits["test"].ids == ("p2", "p9", "p15", "p17")


@pytest.mark.parametrize("sizes", [(1, 1, 30), (1, 2, 3), (2, 2, 2), (1, 1, 2), (50, 1, 1)])
@pytest.mark.parametrize("shares", [(0.4, 0.4), (0.9, 0), (0.01, 0.01)])
def test_no_class_is_left_without_a_training_picture(sizes, shares):
    labels = np.repeat([0, 1, 2], sizes)
    wanted = sum(share > 0 for share in shares)
    if sum(size - 1 for size in sizes) < wanted:
        with pytest.raises(DataError, match="no class has more than 1 training picture"):
            divide(dataset_of(labels), validation=shares[0], test=shares[1], seed=0)
        return
    divided = divide(dataset_of(labels), validation=shares[0], test=shares[1], seed=0)
    assert counts(divided.splits["train"]).min() >= 1
    assert len(divided.splits) == 1 + wanted


def test_official_splits_stay_as_they_are():
    official = Split(("t0", "t1"), np.array([0, 1]), ArrayImages(np.zeros((2, 1, 1, 1), np.uint8)))
    divided = divide(dataset_of(LABELS, test=official), validation=0.1, test=0.5, seed=0)
    assert divided.splits["test"] is official
    assert len(divided.splits["validation"]) == 15
    again = divide(divided, validation=0.5, test=0.5, seed=1)
    assert again.splits["train"].ids == divided.splits["train"].ids


def test_a_split_that_the_data_did_not_bring_is_known_as_carved(tmp_path):
    own = Split(("v0", "v1"), np.array([0, 1]), ArrayImages(np.zeros((2, 1, 1, 1), np.uint8)))
    dataset = dataset_of(LABELS, validation=own)
    divided = divide(dataset, validation=0.1, test=0.2, seed=0)
    assert divided.carved == ("test",)
    assert divide(divided, validation=0.1, test=0.2, seed=0).carved == ("test",)
    write_split_csv(divided, tmp_path / "split.csv")
    assert apply_split(dataset, read_split_csv(tmp_path / "split.csv")).carved == ("test",)


def test_a_share_of_nothing_changes_nothing():
    dataset = dataset_of(LABELS)
    assert divide(dataset, validation=0, test=0, seed=0).splits["train"].ids == dataset.splits["train"].ids


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0), (1, 0), (0, 1.5), (0.5, 0.5)])
def test_shares_out_of_range_are_refused(validation, test):
    with pytest.raises(ConfigError):
        divide(dataset_of(LABELS), validation=validation, test=test, seed=0)


def test_pixels_follow_their_labels():
    labels = np.arange(40) % 4
    pixels = labels.astype(np.uint8).reshape(-1, 1, 1, 1)
    divided = divide(open_dataset((pixels, labels)), validation=0.25, test=0.25, seed=0)
    for split in divided.splits.values():
        np.testing.assert_array_equal(split.images.gathered().ravel(), split.labels)


def test_a_division_survives_its_file(tmp_path):
    dataset = dataset_of(LABELS, [f"cät, {row}\n" for row in range(150)])
    divided = divide(dataset, validation=0.2, test=0.2, seed=0)
    write_split_csv(divided, tmp_path / "split.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["split.csv"]
    recorded = read_split_csv(tmp_path / "split.csv")
    again = apply_split(dataset, recorded)
    assert {name: split.ids for name, split in again.splits.items()} == {
        name: split.ids for name, split in divided.splits.items()
    }
    assert apply_split(divided, recorded) is divided


def test_a_validation_carved_beside_an_official_test_split_survives_its_file(tmp_path):
    official = Split(("t0", "t1"), np.array([0, 1]), ArrayImages(np.zeros((2, 1, 1, 1), np.uint8)))
    dataset = dataset_of(LABELS, test=official)
    divided = divide(dataset, validation=0.1, test=0, seed=0)
    write_split_csv(divided, tmp_path / "split.csv")
    again = apply_split(dataset, read_split_csv(tmp_path / "split.csv"))
    assert again.splits["validation"].ids == divided.splits["validation"].ids
    assert again.splits["test"].ids == ("t0", "t1")
    mixed = {"t0": ("class 0", "train")} | {
        key: value for key, value in read_split_csv(tmp_path / "split.csv").items() if key != "t0"
    }
    with pytest.raises(DataError, match="train pictures now lie in test and train"):
        apply_split(dataset, mixed)


def test_pictures_that_changed_since_are_named(tmp_path):
    dataset = dataset_of([0, 1, 0, 1])
    write_split_csv(dataset, tmp_path / "split.csv")
    recorded = read_split_csv(tmp_path / "split.csv")
    with pytest.raises(DataError, match=r"1 recorded picture is gone \(for example, p3\)"):
        apply_split(dataset_of([0, 1, 0]), recorded)
    with pytest.raises(DataError, match="p2 was recorded as class 0"):
        apply_split(dataset_of([0, 1, 1, 1]), recorded)


@pytest.mark.parametrize("text", ["", "a,b\n", "id,label,split\np0,x\n", "id,label,split\np0,x,dev\n"])
def test_another_file_is_no_split_file(tmp_path, text):
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(DataError, match="expected"):
        read_split_csv(tmp_path / "split.csv")


def test_a_split_file_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SaveError, match="could not be written"):
        write_split_csv(dataset_of([0, 1]), tmp_path / "taken" / "split.csv")


def test_advice_for_classes_of_one_picture_can_be_followed():
    """--test-share 0 is refused, so it is not what is advised."""
    with pytest.raises(DataError, match="until a class has 3"):
        divide(dataset_of([0, 1]), validation=0.1, test=0.2, seed=0)
    divided = divide(dataset_of([0, 0, 0, 1]), validation=0.1, test=0.2, seed=0)
    assert set(divided.splits) == {"train", "validation", "test"}


def test_pictures_and_classes_added_since_are_left_out_and_counted(tmp_path):
    recorded = {"p0": ("class 0", "train"), "p1": ("class 2", "train"), "p2": ("class 0", "test")}
    grown = dataset_of([0, 2, 0, 2, 1])  # p3 is new, and so is class 1 with p4
    again = apply_split(grown, recorded)
    assert again.class_names == ("class 0", "class 2")
    assert {name: split.ids for name, split in again.splits.items()} == {
        "train": ("p0", "p1"),
        "test": ("p2",),
    }
    np.testing.assert_array_equal(again.splits["train"].labels, [0, 1])
    assert again.notices == ("2 pictures added since the training: left out",)


def test_of_data_that_grew_a_changed_label_is_still_named():
    recorded = {"p0": ("class 0", "train"), "p1": ("class 1", "train")}
    with pytest.raises(DataError, match="p0 was recorded as class 0"):
        apply_split(dataset_of([1, 1, 0]), recorded)
