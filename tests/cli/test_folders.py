"""Folders at the command line: the same pictures for every command, and data that grew since its training."""

import shutil

import pytest
from command_line import SMALL, make_pictures, tellapart

from tellapart.runs.saved_run import load_run


def class_names(result):
    """Return the classes of an evaluation."""
    return [row["name"] for row in result.json["scores"]["classes"]]


@pytest.fixture
def linked(tmp_path, folder):
    """A folder of links to the classes' folders, beside what notebooks and archives leave behind."""
    root = tmp_path / "linked"
    for name in ("dark", "light"):
        (root / name).mkdir(parents=True)
        (root / name / "all").symlink_to(folder / name)
        (root / name / ".ipynb_checkpoints").mkdir()
        shutil.copy(folder / name / "0.png", root / name / ".ipynb_checkpoints" / "0-checkpoint.png")
    (root / "__MACOSX" / "dark").mkdir(parents=True)
    shutil.copy(folder / "dark" / "0.png", root / "__MACOSX" / "dark" / "0.png")
    return root


def test_predict_and_evaluate_see_the_pictures_that_train_sees(run, linked, tmp_path):
    tellapart("train", linked, *SMALL, "--out", tmp_path / "run", "--json", "--quiet")
    predicted = tellapart("predict", run, linked, "--json").json["predictions"]
    scored = tellapart("evaluate", run, linked, "--json").json["scores"]
    assert (
        sum(load_run(tmp_path / "run").data["pictures"].values())
        == len(predicted)
        == scored["pictures"]
        == 40
    )
    assert not [row for row in predicted if "checkpoint" in row["picture"] or "MACOSX" in row["picture"]]


def test_evaluate_needs_no_training_pictures(run, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "mine" / "test")
    assert tellapart("evaluate", run, tmp_path / "mine", "--json").json["scores"]["pictures"] == 40


def test_evaluate_scores_pictures_of_one_class(run, folder, tmp_path):
    shutil.copytree(folder / "dark", tmp_path / "mine" / "dark" / "by night")
    result = tellapart("evaluate", run, tmp_path / "mine", "--json")
    assert result.json["scores"]["pictures"] == 20


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A training's run folder, whose pictures got a new one and a new class since."""
    place = tmp_path_factory.mktemp("grown")
    folder = make_pictures(place / "pictures", {"dark": 20, "light": 20})
    result = tellapart("train", folder, *SMALL, "--out", place / "run", "--json", "--quiet")
    assert result.code == 0, result.err
    shutil.copy(folder / "dark" / "0.png", folder / "dark" / "new.png")
    make_pictures(folder, {"blue": 3})
    return place / "run"


def test_a_run_is_scored_on_its_own_pictures_after_the_data_grew(grown):
    result = tellapart("evaluate", grown, "--json")
    assert result.code == 0, result.err
    assert class_names(result) == ["dark", "light"]
    assert "4 pictures added since the training: left out." in result.json["note"]


def test_the_training_pictures_are_still_there_to_explain_by(grown):
    saved = load_run(grown)
    assert saved.missing == ()
    assert {name: len(store) for name, store in saved.stores.items()} == saved.data["pictures"]


def test_a_reading_that_was_chosen_is_remembered(tmp_path):
    root = make_pictures(
        tmp_path / "set", {f"{place}/{kind}": 10 for place in ("bern", "rome") for kind in ("dark", "light")}
    )
    arguments = (*SMALL, "--out", tmp_path / "run", "--json", "--quiet")
    refused = tellapart("train", root, *arguments)
    assert refused.code == 3
    assert "--class-depth 2" in refused.json["error"]["message"]
    trained = tellapart("train", root, *arguments, "--class-depth", "2")
    assert trained.code == 0, trained.err
    assert class_names(tellapart("evaluate", tmp_path / "run", "--json")) == ["dark", "light"]
    assert load_run(tmp_path / "run").missing == ()


@pytest.fixture(scope="module")
def partly_used(tmp_path_factory):
    """Pictures of which some lie where none are used."""
    root = tmp_path_factory.mktemp("partly")
    make_pictures(root / "set" / "train", {"dark": 12, "light": 12})
    make_pictures(root / "set" / "test", {"dark": 2, "light": 2})
    make_pictures(root / "set", {"val": 3, "more": 2})
    return root


def test_what_is_left_out_is_said_also_quietly_and_in_json(partly_used, tmp_path):
    result = tellapart("train", partly_used, *SMALL, "--out", tmp_path / "run", "--json", "--quiet")
    said = result.err.splitlines()[:2]
    assert said == [
        f"Reading set/, the only folder of {partly_used} that holds classes.",
        "val/ left out: its 3 pictures are in no class folders.",
    ]
    assert result.json["notices"][:2] == [line.removesuffix(".") for line in said]
    assert result.json["notices"][2:] == ["Skipped 2 folders: set/more/, set/val/"]


def test_evaluate_says_what_it_leaves_out(run, partly_used):
    note = tellapart("evaluate", run, partly_used, "--json").json["note"]
    assert "Skipped 2 folders: set/more/, set/val/." in note


@pytest.fixture
def own(tmp_path, folder):
    """A copy of a run's pictures, and a run of them."""
    root = tmp_path / "pictures"
    shutil.copytree(folder, root)
    made = tellapart("train", root, *SMALL, "--out", tmp_path / "own", "--json", "--quiet")
    assert made.code == 0, made.err
    return root, tmp_path / "own"


NEW_FOLDERS = ["test/dark", "dark/light", "empty", "other/dark"]


@pytest.mark.parametrize("new", NEW_FOLDERS)
def test_new_folders_do_not_part_a_run_from_its_pictures(own, new):
    root, path = own
    before = tellapart("evaluate", path, "--json").json
    (root / new).mkdir(parents=True)
    if new != "empty":
        shutil.copy(root / "dark" / "0.png", root / new / "new.png")
    after = tellapart("evaluate", path, "--json")
    assert after.code == 0, after.err
    assert after.json["scores"] == before["scores"]
    saved = load_run(path)
    assert saved.missing == ()
    assert {name: len(store) for name, store in saved.stores.items()} == saved.data["pictures"]


def test_a_training_picture_that_is_gone_does_not_keep_the_test_pictures_from_being_scored(own):
    root, path = own
    splits = {
        row[0]: row[2] for row in (line.split(",") for line in (path / "split.csv").read_text().split())
    }
    (root / next(name for name, split in splits.items() if split == "train")).unlink()
    result = tellapart("evaluate", path, "--json")
    assert "1 recorded picture of other splits gone since the training." in result.json["note"]
    (root / next(name for name, split in splits.items() if split == "test")).unlink()
    assert tellapart("evaluate", path, "--json").code == 3
