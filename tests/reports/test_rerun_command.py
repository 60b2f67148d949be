"""The command that a report gives makes the run again."""

import shlex

import pytest

from tellapart.api.prepare import _run
from tellapart.cli.main import app
from tellapart.recipes.recipes import RECIPES
from tellapart.reports.rerun_command import repeating

PICTURES = 5000


def run_of(command, monkeypatch):
    """The Run that the command line would train, from the words of the command."""
    from tellapart.cli import train as training

    caught = {}
    monkeypatch.setattr(training, "train_and_report", lambda data, given, **_: caught.update(given) or 0)
    app(args=shlex.split(command)[1:], standalone_mode=False)
    given = {name: value for name, value in caught.items() if value is not None}
    recipe, augment = given.pop("recipe"), given.pop("augment")
    target = given.pop("target", None)
    return _run(recipe, True, augment, target, given, PICTURES)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize(
    "changes",
    [{}, {"epochs": 3, "seed": 7}, {"batch_size": 16, "predictions": 0}, {"size": (48, 64), "policy": "pad"}],
)
def test_it_makes_the_same_run(recipe, changes, monkeypatch):
    run = _run(recipe, True, True, None, changes, PICTURES)
    command = repeating(run, {"argument": "some photos"}, PICTURES)
    assert command.startswith("tellapart train 'some photos'")
    assert run_of(command, monkeypatch) == run


def test_a_run_without_augmentation_or_with_a_target_is_repeated_too(monkeypatch):
    for augment, target in [(False, None), (True, 0.63)]:
        run = _run("fast", True, augment, target, {}, 50_000)
        command = repeating(run, {"argument": "cifar10"}, 50_000)
        assert (
            run_of(command, monkeypatch).to_dict()
            == _run("fast", True, augment, target, {}, PICTURES).to_dict()
        )


def test_what_only_python_can_make_has_no_command():
    assert (
        repeating(
            _run("fast", True, True, None, {"widths": (8, 8, 8)}, PICTURES), {"argument": "x"}, PICTURES
        )
        is None
    )
    assert repeating(_run("quick", True, True, None, {}, PICTURES), {}, PICTURES) is None
