"""A file of predictions: what `predict` says, row by row; stopped anywhere, it ends in the same bytes."""

import csv
import json
import os
from pathlib import Path

import pytest

import tellapart
from tellapart.errors import ConfigError, DataError, MissingExtraError, SaveError
from tellapart.volume import job as job_module
from tellapart.volume import unfinished as unfinished_module

ENDINGS = (".csv", ".jsonl", ".parquet")


def rows_of(path):
    """The rows of a file of predictions as plain values."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class StoppedError(Exception):
    pass


def stop_at_write(monkeypatch, number):
    """Let the number-th file that is written fail, in the way of a process that is killed there."""
    write, calls = unfinished_module.write_whole, []

    def stopping(*arguments):
        calls.append(None)
        if len(calls) == number:
            raise StoppedError
        write(*arguments)

    monkeypatch.setattr(unfinished_module, "write_whole", stopping)


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_row_is_what_predict_says(ending, album, digits, tmp_path, small_chunks):
    expected = tellapart.predict(digits, album)
    done = tellapart.predict(digits, album, out=tmp_path / f"rows{ending}")
    assert (done.predicted, done.unreadable, done.continued_from) == (44, 3, 0)
    rows = rows_of(done.path)
    good = [row for row in rows if not row.get("error")]
    bad = [row for row in rows if row.get("error")]
    assert [row["picture"] for row in rows] == list(map(str, tellapart.api.files_in.files_in([album])[0]))
    assert {row["picture"]: row["error"] for row in bad} == {each.id: each.reason for each in expected.failed}
    assert [row["picture"] for row in good] == [each.picture for each in expected]
    for row, prediction in zip(good, expected, strict=True):
        by_name = dict(zip(prediction.names, prediction.probabilities, strict=True))
        written = row["probabilities"] if ending == ".jsonl" else {name: float(row[name]) for name in by_name}
        assert written == by_name  # to the last bit
        assert row["predicted"] == prediction.best
        assert float(row["novelty"]) == prediction.novelty
        assert str(row["familiar"]).lower() == str(prediction.familiar).lower()


def test_csv_and_json_lines_have_the_words_of_predict(album, digits, tmp_path, small_chunks):
    expected = tellapart.predict(digits, album)
    tellapart.predict(digits, album, out=tmp_path / "rows.csv")
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    readable = [line[:-1] for line in lines[1:] if line.endswith(",")]
    assert [lines[0].removesuffix(",error"), *readable] == expected.to_csv().splitlines()
    tellapart.predict(digits, album, out=tmp_path / "rows.jsonl")
    objects = [row for row in rows_of(tmp_path / "rows.jsonl") if "error" not in row]
    assert objects == expected.to_dict()["predictions"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("number", [2, 4, 6])
def test_a_stopped_job_goes_on_and_ends_in_the_same_bytes(
    number, ending, album, digits, tmp_path, small_chunks, monkeypatch
):
    """After one part, after three, and when all five are there and the whole file is written."""
    whole, out = tmp_path / f"whole{ending}", tmp_path / f"rows{ending}"
    tellapart.predict(digits, album, out=whole)
    with monkeypatch.context() as patch:
        stop_at_write(patch, number)
        with pytest.raises(StoppedError):
            tellapart.predict(digits, album, out=out)
    assert not out.exists()
    done = tellapart.predict(digits, album, out=out)
    assert (done.continued_from, done.predicted, done.unreadable) == (min(47, 10 * (number - 1)), 44, 3)
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, whole.name])


def stopped(digits, album, out, monkeypatch, **settings):
    with monkeypatch.context() as patch:
        stop_at_write(patch, 3)
        with pytest.raises(StoppedError):
            tellapart.predict(digits, album, out=out, **settings)
    return out.with_name(f"{out.name}.partial")


def test_a_stopped_job_goes_by_its_own_list(moved, digits, tmp_path, small_chunks, monkeypatch):
    out = tmp_path / "rows.csv"
    stopped(digits, moved, out, monkeypatch)
    (moved / "a new one.jpg").write_bytes(b"x")
    gone = moved / "day 2" / "img_41.jpg"
    gone.unlink()
    tellapart.predict(digits, moved, out=out)
    rows = {row["picture"]: row for row in rows_of(out)}
    assert len(rows) == 47
    assert "no such file" in rows[str(gone)]["error"]


def test_a_damaged_part_is_made_again(album, digits, tmp_path, small_chunks, monkeypatch):
    out, whole = tmp_path / "rows.csv", tmp_path / "whole.csv"
    tellapart.predict(digits, album, out=whole)
    folder = stopped(digits, album, out, monkeypatch)
    part = min(folder.glob("part-*"))
    part.write_bytes(part.read_bytes().replace(b"0", b"1", 1))
    assert tellapart.predict(digits, album, out=out).continued_from == 10
    assert out.read_bytes() == whole.read_bytes()


def test_a_damaged_list_is_refused(album, digits, tmp_path, small_chunks, monkeypatch):
    folder = stopped(digits, album, tmp_path / "rows.csv", monkeypatch)
    listing = folder / "pictures.jsonl"
    listing.write_bytes(listing.read_bytes()[:-20])
    with pytest.raises(SaveError, match=r"pictures\.jsonl is damaged.*Delete that folder"):
        tellapart.predict(digits, album, out=tmp_path / "rows.csv")


def test_rows_of_two_models_never_mix(album, digits, tmp_path, small_chunks, monkeypatch):
    stopped(digits, album, tmp_path / "rows.csv", monkeypatch)
    with pytest.raises(ConfigError, match=r"begun 20.* otherwise\. model: then '\w+.*, now '\w+.*delete"):
        tellapart.predict("cifar10", album, out=tmp_path / "rows.csv")
    with pytest.raises(ConfigError, match="--top: then None, now 2"):
        tellapart.predict(digits, album, top=2, out=tmp_path / "rows.csv")
    with pytest.raises(ConfigError, match="pictures: then a list of 1, now a list of 2"):
        tellapart.predict(digits, [album, album], out=tmp_path / "rows.csv")


def test_the_same_model_from_another_place_goes_on(album, trained, tmp_path, small_chunks, monkeypatch):
    """By its folder, by a copy of its file, and as a classifier whose Keras model has been loaded."""
    classifier = tellapart.load(trained.folder)
    folder = stopped(classifier, album, tmp_path / "rows.csv", monkeypatch)
    (tmp_path / "copy.keras").write_bytes((trained.folder / "model.keras").read_bytes())
    assert tellapart.predict(tmp_path / "copy.keras", album, out=tmp_path / "rows.csv").continued_from == 20
    assert not folder.exists()


def test_other_weights_are_another_model(trained):
    before = job_module.model_digest(trained.classifier)
    weights = trained.classifier.model.get_weights()
    try:
        trained.classifier.model.set_weights([weight * 1.01 for weight in weights])
        assert job_module.model_digest(trained.classifier) != before
    finally:
        trained.classifier.model.set_weights(weights)
    assert job_module.model_digest(trained.classifier) == before


def test_a_finished_file_is_never_overwritten(album, digits, tmp_path):
    (tmp_path / "rows.csv").write_text("precious")
    with pytest.raises(ConfigError, match="already exists and is not overwritten"):
        tellapart.predict(digits, album, out=tmp_path / "rows.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_file_that_came_to_the_place_meanwhile_stays(album, digits, tmp_path, small_chunks, monkeypatch):
    folder = stopped(digits, album, tmp_path / "rows.csv", monkeypatch)
    (tmp_path / "rows.csv").write_text("precious")
    with pytest.raises(ConfigError, match="already exists"):
        tellapart.predict(digits, album, out=tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == "precious"
    assert len(list(folder.glob("part-*"))) == 2


def test_killed_between_the_rename_and_the_end_the_same_call_only_cleans_up(
    album, digits, tmp_path, small_chunks, monkeypatch
):
    out = tmp_path / "rows.csv"
    with monkeypatch.context() as patch:
        patch.setattr(
            unfinished_module.Unfinished, "remove", stopping_at(2, unfinished_module.Unfinished.remove)
        )
        with pytest.raises(StoppedError):
            tellapart.predict(digits, album, out=out)
    written = out.read_bytes()
    done = tellapart.predict(digits, album, out=out)
    assert (done.predicted, done.unreadable, done.continued_from) == (44, 3, 47)
    assert out.read_bytes() == written
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_what_others_put_beside_stays(album, digits, tmp_path):
    folder = tmp_path / "rows.csv.partial"
    (folder / "thesis").mkdir(parents=True)
    (folder / "thesis.txt").write_text("precious")
    assert tellapart.predict(digits, album, out=tmp_path / "rows.csv").predicted == 44
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == ["thesis", "thesis.txt"]


def stopping_at(number, function):
    calls = []

    def stopping(*arguments):
        calls.append(None)
        if len(calls) == number:
            raise StoppedError
        return function(*arguments)

    return stopping


def test_likeliest_classes_have_two_columns_each(album, digits, tmp_path, small_chunks):
    expected = tellapart.predict(digits, album, top=2)
    tellapart.predict(digits, album, top=2, out=tmp_path / "rows.csv")
    rows = [row for row in rows_of(tmp_path / "rows.csv") if not row["error"]]
    assert list(rows[0])[-5:] == ["class_1", "probability_1", "class_2", "probability_2", "error"]
    for row, each in zip(rows, expected, strict=True):
        assert (row["class_1"], row["class_2"]) == each.names
        assert (float(row["probability_1"]), float(row["probability_2"])) == each.probabilities


def test_a_model_with_groups_and_one_of_several_labels_have_their_columns(album, labeled, tmp_path):
    tellapart.predict("imagenet", album / "day 0", top=1, out=tmp_path / "things.parquet")
    (*_, row) = rows_of(tmp_path / "things.parquet")
    assert {"group", "group_probability", "group_class", "class_1"} <= set(row)
    expected = tellapart.predict(labeled.folder, album)
    tellapart.predict(labeled.folder, album, out=tmp_path / "labels.csv")
    rows = [row for row in rows_of(tmp_path / "labels.csv") if not row["error"]]
    assert [row["predicted"] for row in rows] == ["|".join(each.labels) for each in expected]


def test_pictures_none_of_which_can_be_read_are_rows_too(digits, tmp_path):
    done = tellapart.predict(digits, [tmp_path / "a.jpg", tmp_path / "b.jpg"], out=tmp_path / "rows.csv")
    assert (done.predicted, done.unreadable, done.lacks_named, done.exit_code()) == (0, 2, True, 3)
    assert all("no such file" in row["error"] for row in rows_of(done.path))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(workers, album, digits, tmp_path, small_chunks):
    tellapart.predict(digits, album, out=tmp_path / "rows.csv")
    tellapart.predict(digits, album, out=tmp_path / "again.csv", workers=workers)
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_what_cannot_be_done_is_said_before_anything_is_written(album, digits, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"rows\.xlsx: the ending .*Accepted: \.csv, \.jsonl, \.parquet"):
        tellapart.predict(digits, album, out=tmp_path / "rows.xlsx")
    with pytest.raises(ConfigError, match="workers is for predictions that are written"):
        tellapart.predict(digits, album, workers=2)
    for workers in (0, 1.5, True):
        with pytest.raises(ConfigError, match="workers is a number of threads"):
            tellapart.predict(digits, album, out=tmp_path / "rows.csv", workers=workers)
    with pytest.raises(DataError, match="given by their paths"):
        tellapart.predict(digits, b"bytes", out=tmp_path / "rows.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures in it"):
        tellapart.predict(digits, tmp_path / "empty", out=tmp_path / "rows.csv")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="parquet"):
        tellapart.predict(digits, album, out=tmp_path / "rows.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.skipif(os.name != "posix", reason="names are text elsewhere")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_name_that_is_no_text_can_be_written(ending, album, digits, tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    odd.write_bytes(next(Path(album).rglob("img_1.jpg")).read_bytes())
    done = tellapart.predict(digits, odd, out=tmp_path / f"rows{ending}")
    if ending == ".parquet":
        assert rows_of(done.path)[0]["picture"].endswith("caf\\xe9.jpg")
    elif ending == ".csv":
        assert b"caf\xe9.jpg" in done.path.read_bytes()
    else:
        assert rows_of(done.path)[0]["picture"] == str(odd)
