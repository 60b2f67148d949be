"""`train --minutes` on the command line: what is said before and after, and in JSON."""

import re

import pytest
from command_line import tellapart

from tellapart.api.minutes import candidate, plan

SMALL = ("--recipe", "quick", "--size", "16", "--batch-size", "8", "--predictions", "0")


@pytest.fixture(autouse=True, scope="module")
def short():
    """At most two epochs, and no more measuring than there must be: nothing here depends on the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate, "MOST_EPOCHS", 2)
        patch.setattr(plan, "SHARE_FOR_MEASURING", 0.0)
        yield


@pytest.fixture(scope="module")
def told(color_photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("minutes") / "run"
    return tellapart("train", color_photos, "--minutes", "5", *SMALL, "--out", out)


def test_measure_choice_and_forecast_are_told_before_the_training(told):
    assert told.code == 0, told.err
    lines = told.err.splitlines()
    begins = [
        next(i for i, line in enumerate(lines) if line.startswith(word))
        for word in ("Measured", "Chosen", "Forecast")
    ]
    header = next(i for i, line in enumerate(lines) if line.split()[:2] == ["epoch", "loss"])
    assert begins == sorted(begins)
    assert begins[-1] < header
    assert re.search(
        r"about \d+\.\d% \(\d+\.\d% to \d+\.\d%\) of \d+ held-out pictures in \d+ seconds\. Basis: curve through",
        lines[begins[-1]],
    )


def test_forecast_stands_beside_outcome_at_the_end(told):
    assert re.search(
        r"Forecast \d.*; outcome \d.* of held-out pictures, (in|out)side the interval, in \d+", told.out
    )


def test_json_carries_the_forecast(color_photos, tmp_path):
    result = tellapart(
        "train",
        color_photos,
        "--minutes",
        "5",
        *SMALL,
        "--target",
        "5%",
        "--json",
        "--out",
        tmp_path / "run",
    )
    forecast = result.json["forecast"]
    assert forecast["seconds_asked"] == pytest.approx(300)
    assert set(forecast["outcome"]) == {"accuracy", "seconds", "inside"}


def test_without_minutes_there_is_no_forecast(color_photos, tmp_path):
    result = tellapart("train", color_photos, *SMALL, "--epochs", "1", "--json", "--out", tmp_path / "run")
    assert result.json["forecast"] is None


@pytest.mark.parametrize("options", [("--minutes", "0"), ("--minutes", "1", "--epochs", "5")])
def test_wrong_minutes_are_refused_before_the_data_is_opened(options, tmp_path):
    result = tellapart("train", "no-such-folder", *options)
    assert result.code == 2
    assert "minutes" in result.err


def test_help_knows_the_option():
    assert "--minutes" in tellapart("train", "--help").out
