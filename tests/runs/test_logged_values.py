"""Lines of a log with the values of their event, each of its type."""

from dataclasses import asdict

import pytest

from tellapart.events import FeaturesDone, FineTuned, FineTuningSkipped, HeadFitted
from tellapart.runs.logged_values import has_its_values

GOOD = [
    asdict(FeaturesDone("train", 10, 2, 0.5)),
    asdict(HeadFitted(1.0, 0.5, 0.9, 10, None, ({"penalty": 1.0, "loss": float("nan"), "accuracy": 0},), 1)),
    asdict(FineTuningSkipped("no time")),
    {"reason": "an earlier version has no other field"},
    asdict(FineTuned(False, 0.5, 0.9, 10, 1.0)),
    {"seconds": 1.5, "joules": None, "threads": 2},
    {"seconds": 1.5, "joules": 3},
    {"accuracy": 0.5, "interval": [0.1, 0.9], "classes": []},
]
EVENTS = [
    "FeaturesDone",
    "HeadFitted",
    "FineTuningSkipped",
    "FineTuningSkipped",
    "FineTuned",
    "Cost",
    "Cost",
    "ScoredWithoutTta",
]


@pytest.mark.parametrize(("event", "values"), list(zip(EVENTS, GOOD, strict=True)))
def test_what_a_training_logs_is_kept(event, values):
    assert has_its_values({"event": event, **values})


@pytest.mark.parametrize(
    ("event", "odd"),
    [
        ("FeaturesDone", {"seconds": "x"}),
        ("FeaturesDone", {"views": 10**30}),
        ("HeadFitted", {"path": [1]}),
        ("HeadFitted", {"path": [{"penalty": 1.0, "loss": "x", "accuracy": 0.5}]}),
        ("HeadFitted", {"path": [{"penalty": 1.0, "loss": 0.5}]}),
        ("HeadFitted", {"val_loss": None}),
        ("FineTuned", {"kept": 1}),
        ("Cost", {"joules": []}),
        ("Cost", {"seconds": True}),
        ("ScoredWithoutTta", {"interval": 3}),
    ],
)
def test_a_value_of_another_type_is_none(event, odd):
    assert not has_its_values({"event": event, **GOOD[EVENTS.index(event)], **odd})


def test_a_value_that_every_version_logs_may_not_lack():
    assert not has_its_values({"event": "Cost", "joules": None})


def test_an_event_that_no_report_reads_may_hold_anything():
    assert has_its_values({"event": "Stopped", "epoch": "x"})
