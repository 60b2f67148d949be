"""A training that leaves out the test split: it is not scored, and can be scored later, once, with the same outcome."""

import json

import pytest

import tellapart
from tellapart.api.score_later import score_run
from tellapart.runs.folder import RunFolder
from tellapart.runs.predictions import load_predictions

SMALL = {
    "recipe": "quick", "epochs": 2, "size": (16, 16), "batch_size": 8, "validation_share": 0.3, "verbose": False
}  # fmt: skip


@pytest.fixture(scope="module")
def unscored(color_photos, tmp_path_factory):
    """A training that was not to score its test split, and its folder as it was left."""
    out = tmp_path_factory.mktemp("unscored") / "run"
    return tellapart.train(str(color_photos), out=out, score_test=False, **SMALL)


def events(folder):
    return [json.loads(line)["event"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_it_has_no_test_score_and_keeps_held_out_predictions(unscored):
    assert unscored.finished
    assert unscored.scores is None
    assert "not scored" in repr(unscored)
    folder = RunFolder(unscored.folder)
    if not folder.is_finished:  # scored by the next test, where that came first
        assert set(load_predictions(folder.predictions)) == {"validation"}
        assert not folder.report.exists()
        (run,) = tellapart.runs(unscored.folder)
        assert (run.state, run.accuracy, run.problems) == ("finished", None, ())


def test_it_is_scored_later_as_it_would_have_been_and_once(unscored, color_photos, tmp_path):
    at_once = tellapart.train(str(color_photos), out=tmp_path / "run", **SMALL)
    later = score_run(unscored.folder)
    assert later.scores == at_once.scores
    assert later.report == unscored.folder / "report.html"
    assert events(unscored.folder).count("Scored") == 1
    assert set(load_predictions(RunFolder(unscored.folder).predictions)) == {"validation", "test"}
    with pytest.raises(tellapart.ConfigError, match="scored on its test pictures before"):
        score_run(unscored.folder)


def test_a_transfer_is_scored_later_too(color_photos, tmp_path):
    given = {"recipe": "transfer", "fine_tune": "off", "size": (64, 64), "verbose": False}
    at_once = tellapart.train(str(color_photos), out=tmp_path / "at-once", **given)
    run = tellapart.train(str(color_photos), out=tmp_path / "later", score_test=False, **given)
    assert "Scored" not in events(run.folder)
    assert score_run(run.folder).scores == at_once.scores


def test_resuming_an_unscored_training_scores_it(color_photos, tmp_path):
    run = tellapart.train(str(color_photos), out=tmp_path / "run", score_test=False, **SMALL)
    resumed = tellapart.train(resume=run.folder, verbose=False)
    assert resumed.scores is not None
    assert events(run.folder).count("EpochDone") == SMALL["epochs"]


def test_score_test_is_true_or_false(color_photos):
    with pytest.raises(tellapart.ConfigError, match="score_test is True or False"):
        tellapart.train(str(color_photos), score_test="later")
