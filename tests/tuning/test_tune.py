"""`tellapart.tune`: trials on held-out pictures, the test pictures once at the end, and going on where it was."""

import numpy as np
import pytest
from tiny_tuning import SMALL, SPACE, scored_runs, write_pictures

import tellapart
from tellapart.metrics.scores import mcnemar
from tellapart.runs.folder import RunFolder
from tellapart.runs.predictions import load_predictions
from tellapart.tuning.trial import best_of

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("tuned") / "pictures.npz")


@pytest.fixture(scope="module")
def tuned(pictures):
    """A tuning of five trials."""
    out = pictures.parent / "tuning"
    return tellapart.tune(str(pictures), trials=5, out=out, space=SPACE, verbose=False, **SMALL)


def test_there_are_as_many_trials_as_asked_for_and_the_first_is_the_recipe(tuned):
    assert [trial.number for trial in tuned.trials] == [0, 1, 2, 3, 4]
    assert all(trial.has_ended for trial in tuned.trials)
    assert tuned.trials[0].settings == {}
    assert tuned.trials[0].state == "complete"
    assert all(
        set(trial.settings) == {"learning_rate", "weight_decay", "label_smoothing"}
        for trial in tuned.trials[1:]
    )


def test_the_first_trial_is_the_training_that_the_recipe_gives_alone(tuned, pictures, tmp_path):
    alone = tellapart.train(str(pictures), out=tmp_path / "alone", verbose=False, **SMALL)
    assert load_predictions(RunFolder(alone.folder).predictions)["test"].probabilities == pytest.approx(
        load_predictions(RunFolder(tuned.trials[0].folder).predictions)["test"].probabilities, abs=0
    )


def test_the_score_of_a_trial_is_that_of_its_held_out_pictures(tuned):
    for trial in tuned.trials:
        if trial.state == "complete":
            kept = load_predictions(RunFolder(trial.folder).predictions)["validation"]
            assert trial.score == pytest.approx((kept.probabilities.argmax(1) == kept.labels).mean())
            assert trial.pictures == len(kept.labels) == 18


def test_only_the_best_and_the_untuned_are_scored_on_test_pictures_and_once(tuned):
    expected = {f"{tuned.best.number:03d}": 1, "000": 1}
    assert scored_runs(tuned.folder) == expected
    for trial in tuned.trials:
        if trial.state == "complete" and trial.folder.name not in expected:
            assert set(load_predictions(RunFolder(trial.folder).predictions)) == {"validation"}


def test_both_are_compared_by_a_paired_test_on_the_same_pictures(tuned):
    best, default = (
        load_predictions(RunFolder(folder).predictions)["test"]
        for folder in (tuned.model, tuned.trials[0].folder)
    )
    assert best.ids == default.ids
    correct = [each.probabilities.argmax(1) == each.labels for each in (default, best)]
    (pair,) = tuned.facts["test"]["pairs"]
    assert pair["p_value"] == pytest.approx(mcnemar(*correct).p_value)
    assert pair["difference"] == pytest.approx(float(np.mean(correct[1]) - np.mean(correct[0])))


def test_each_trial_is_a_run_like_any_other(tuned):
    listed = tellapart.runs(tuned.folder)
    assert len(listed) == 5
    assert not listed.damaged
    states = {run.folder.name: run.state for run in listed}
    assert all(states[trial.folder.name] == "finished" for trial in tuned.trials if trial.state == "complete")
    assert tellapart.predict(tuned.model, np.zeros((16, 16, 3), np.uint8))
    compared = tellapart.compare([tuned.trials[0].folder, tuned.trials[1].folder])
    assert len(compared["runs"]) == 2


def test_the_command_makes_the_best_run_again(tuned, tmp_path):
    from tellapart.tuning.verdict import command_of

    command = command_of(tuned.model, 60)
    assert command == tuned.facts["best"]["command"]
    assert "--recipe quick" in command
    assert "--validation-share 0.3" in command


def test_the_same_call_on_the_same_folder_goes_on(tuned, pictures):
    before = {trial.number: trial.to_dict() for trial in tuned.trials}
    again = tellapart.tune(str(pictures), trials=6, out=tuned.folder, space=SPACE, verbose=False, **SMALL)
    assert len(again.trials) == 6
    assert {number: again.trials[number].to_dict() for number in before} == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 3}, "with other settings"),
        ({"space": {**SPACE, "weight_decay": "0..1"}}, "searches another space"),
        ({"data": "digits"}, "with other settings|on other data"),
        ({"storage": "sqlite:///other.db"}, "are stored in"),
    ],
)
def test_another_tuning_does_not_go_on_in_a_folder(tuned, pictures, changes, words):
    given = {"data": str(pictures), "trials": 9, "space": SPACE, **SMALL, **changes}
    with pytest.raises(tellapart.ConfigError, match=words):
        tellapart.tune(out=tuned.folder, verbose=False, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "no end of its own"),
        ({"minutes": 0}, "minutes is a number above 0"),
        ({"trials": 2.5}, "trials is a whole number"),
        ({"trials": 2, "jobs": 0}, "jobs is a whole number"),
        ({"trials": 2, "target": 0.5}, "Leave it out"),
        ({"trials": 2, "space": {"learning_rate": "high"}}, "a range such as"),
        ({"trials": 2, "resume": "nowhere"}, "A resumed tuning keeps its folder"),
        ({"trials": 2, "out": 3}, "out is the path"),
        ({"trials": 2, "storage": "nonsense://place"}, "cannot be opened"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing_but_a_folder(
    given, words, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tellapart.TellapartError, match=words):
        tellapart.tune(str(pictures), verbose=False, **{**SMALL, **given})
    assert not list(tmp_path.rglob("log.jsonl"))


def test_a_search_that_is_asked_to_stop_waits_and_goes_on_with_the_same_trial(pictures, tmp_path):
    epochs = []

    class Counting(tellapart.TuningListener):
        def trial_epoch(self, number, done):
            epochs.append((number, done.epoch))

    given = {"space": SPACE, "out": tmp_path / "tuning", "trials": 2, "listener": Counting(), **SMALL}
    stopped = tellapart.tune(str(pictures), should_stop=lambda: len(epochs) > 2, **given)
    assert not stopped.finished
    assert [trial.state for trial in stopped.trials] == ["complete", "interrupted"]
    assert scored_runs(stopped.folder) == {}
    done = tellapart.tune(str(pictures), **given)
    assert done.finished
    assert [trial.state for trial in done.trials] == ["complete", "complete"]
    assert epochs == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_time_that_is_over_leaves_the_running_trial_for_later(pictures, tmp_path):
    with pytest.raises(tellapart.TellapartError, match="No trial was completed"):
        tellapart.tune(
            str(pictures), minutes=0.002, out=tmp_path / "tuning", space=SPACE, verbose=False, **SMALL
        )
    result = tellapart.tune(resume=tmp_path / "tuning", trials=1, verbose=False)
    assert [trial.state for trial in result.trials] == ["complete"]


def test_data_in_memory_can_be_tuned_and_has_to_be_given_again(tmp_path):
    with np.load(write_pictures(tmp_path / "pictures.npz")) as arrays:
        data = {name: arrays[name] for name in arrays}
    given = {"space": SPACE, "verbose": False, **SMALL}
    with pytest.raises(tellapart.ConfigError, match="cannot be read by other processes"):
        tellapart.tune(data, trials=2, jobs=2, out=tmp_path / "two", **given)
    first = tellapart.tune(data, trials=1, out=tmp_path / "one", **given)
    with pytest.raises(tellapart.ConfigError, match="give them again"):
        tellapart.tune(resume=first.folder, trials=2, verbose=False)
    assert len(tellapart.tune(data, resume=first.folder, trials=2, verbose=False).trials) == 2


def test_among_equal_scores_the_lower_loss_is_the_better(tuned):
    from dataclasses import replace

    first, second = (
        replace(tuned.trials[0], number=number, state="complete", score=0.5, loss=loss)
        for number, loss in ((0, 0.7), (1, 0.6))
    )
    assert best_of([first, second]).number == 1
    assert best_of([replace(first, state="pruned"), replace(second, state="failed")]) is None
