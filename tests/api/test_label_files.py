"""A run of pictures that a file labels: stopped, resumed, scored, reported and explained from its folder alone."""

import shutil

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.api.listener import Listener
from tellapart.api.report import report_of_run
from tellapart.cli.main import app
from tellapart.data.open import opens_the_same, reopening
from tellapart.data.sources.label_choice import Labels, labels_from
from tellapart.errors import DataError
from tellapart.runs.folder import RunFolder
from tellapart.runs.saved_run import load_run

HUES = {"blue": (30, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures in one folder; a file of labels with odd columns, a missing picture and one without a label."""
    root = tmp_path_factory.mktemp("labeled")
    random = np.random.default_rng(0)
    lines = ["which;is;row"]
    (root / "photos").mkdir()
    for number in range(30):
        pixels = np.clip(random.normal(list(HUES.values())[number % 3], 40, (20, 20, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(root / "photos" / f"p{number:02d}.png")
        lines.append(f"p{number:02d};{number % 3};{'train' if number < 24 else 'test'}")
    lines += ["gone;0;train", "p00x;;train"]
    (root / "labels.csv").write_text("\n".join(lines))
    (root / "names.txt").write_text("\n".join(HUES))
    return root


def labels_of(root):
    return Labels(file=root / "labels.csv", label_column="is", path_column=1, names=root / "names.txt")


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """Stopped after two steps and resumed, with nothing but its folder to go by."""
    out = tmp_path_factory.mktemp("runs") / "labeled"
    steps = iter([False, False, True])
    settings = {"recipe": "quick", "epochs": 1, "size": (16, 16), "batch_size": 8, "validation_share": 0.2}
    stopped = tellapart.train(
        photos / "photos",
        labels=labels_of(photos),
        out=out,
        verbose=False,
        should_stop=lambda: next(steps, True),
        **settings,
    )
    assert not stopped.finished
    return tellapart.train(resume=out, verbose=False)


def test_it_is_resumed_with_the_labels_that_run_toml_records(run, photos):
    assert run.finished
    saved = RunFolder(run.folder).read_settings()[1]
    assert labels_from(saved) == Labels(
        file=str(photos / "labels.csv"), path_column=1, label_column="is", names=str(photos / "names.txt")
    )
    assert saved["class_names"] == ["blue", "green", "red"]
    assert [name for names in saved["left_out"].values() for name in names] == ["gone"]


def test_it_is_scored_on_its_own_test_pictures(run, photos):
    own = tellapart.evaluate(run.folder)
    assert own.scores.pictures == 6
    given = tellapart.evaluate(run.folder, photos / "photos", labels=labels_of(photos))
    assert given.scores.to_dict() == own.scores.to_dict()


def test_its_report_and_its_explanations_find_the_pictures(run, photos):
    saved = load_run(run.folder)
    assert saved.missing == ()
    assert {name: len(store) for name, store in saved.stores.items()}["test"] == 6
    page = report_of_run(run.folder, Listener()).path.read_text()
    assert "--label-column is" in page
    assert "--path-column 1" in page
    explanation = tellapart.explain(run.folder, photos / "photos" / "p00.png")
    assert explanation.training_examples is not None


def test_the_command_line_gives_the_same_labels(run, photos, capsys):
    options = [
        "--labels",
        str(photos / "labels.csv"),
        "--label-column",
        "2",
        "--names",
        str(photos / "names.txt"),
    ]
    assert app(["evaluate", str(run.folder), str(photos / "photos"), *options], standalone_mode=False) in (
        None,
        0,
    )
    assert "of 6" in capsys.readouterr().out


def test_labels_that_changed_are_noticed(run, photos, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run.folder, copy)
    text = (photos / "labels.csv").read_text()
    try:
        (photos / "labels.csv").write_text(text.replace("p29;2;", "p29;1;"))
        with pytest.raises(DataError, match=r"p29\.png was recorded as red and no longer is"):
            tellapart.evaluate(copy)
    finally:
        (photos / "labels.csv").write_text(text)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({}, True),
        ({"labels": "b.csv"}, True),
        ({"labels": "b.csv", "label_column": "x"}, True),
        ({"labels": "b.csv", "label_column": "y"}, False),
        ({"labels": "c.csv", "label_column": "x"}, False),
    ],
)
def test_the_same_data_is_recognized_by_what_is_said_of_its_labels(given, same):
    saved = {"argument": "/a", "labels": "b.csv", "label_column": "x"}
    expected = same if given != {"labels": "b.csv"} else False
    assert opens_the_same({"argument": "/a", **given}, saved) is expected


@pytest.mark.parametrize(
    "labels",
    [
        None,
        Labels(pattern=r"(p)\d"),
        Labels(file="/x/labels.csv", split_column="none", path_column=3),
        Labels(label_column="y", names="/x/names.txt"),
    ],
)
def test_what_is_recorded_opens_the_same_again(labels):
    recorded = reopening("/a", labels)
    assert reopening(recorded["argument"], labels_from(recorded)) == recorded
    assert labels_from(recorded) == labels
