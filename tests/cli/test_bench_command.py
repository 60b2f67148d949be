"""`bench`: the table, what it comes to, and its JSON."""

import time

import pytest
from command_line import tellapart

SMALL = ("bench", "first-cnn", "--batch-size", "8", "--seconds", "0")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    from tellapart.profiling import pieces

    for name, value in {"PRODUCT_SIDES": (256,), "COPIED_BYTES": 1 << 20, "PREDICTED_AT_ONCE": 8}.items():
        monkeypatch.setattr(pieces, name, value)


def test_json_holds_everything():
    told = tellapart(*SMALL, "--json").json
    assert (told["recipe"], told["batch_size"], told["rounds"]) == ("first-cnn", 8, 3)
    assert told["flops"]["forward"] < told["flops"]["step"] < 3 * told["flops"]["forward"]
    assert told["precision"] in ("float32", "bfloat16")
    assert set(told) >= {"threads", "picture_shape", "classes"}
    assert told["hardware"]["processor"]
    assert told["versions"]["torch"]
    rows = {row["piece"]: row for row in told["rows"]}
    assert set(rows["training step"]["figure"]) == {"median", "lowest", "highest"}
    assert rows["training step"]["share_of"] == "peak"
    assert rows["augmentation"]["share_of"] == rows["optimizer update"]["share_of"] == "step"
    assert rows["prediction"]["share"] is None


def test_the_report_fits_80_columns_and_says_what_it_comes_to(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = tellapart(*SMALL)
    assert result.code == 0, result.err
    table, _, sentences = result.out.partition("A training step runs ")
    assert max(map(len, table.splitlines())) <= 80
    for piece in ("products", "forward", "training step", "decoding PNG", "prediction"):
        assert piece in table
    assert "% of peak" in table
    assert "over 3 rounds" in sentences
    assert "takes the most time" in sentences


def test_a_narrow_terminal_keeps_every_figure(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    table, _, _ = tellapart(*SMALL).out.partition("A training step runs ")
    assert "…" not in table
    assert "median" in table
    assert max(map(len, table.splitlines()[2:])) <= 60


def test_augmentation_beyond_what_it_may_cost_is_said(monkeypatch):
    from tellapart.training import loader as feed

    move = feed.apply_all
    monkeypatch.setattr(feed, "apply_all", lambda *given: (time.sleep(0.1), move(*given))[1])
    out = tellapart(*SMALL).out
    assert "the augmentation takes the most time" in out
    assert "should stay below 5.0%" in out


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    result = tellapart("bench", "slow")
    assert result.code == 2
    assert result.out == ""
    assert (
        "Unknown recipe 'slow'. Available recipes: first-cnn, quick, fast, accurate, best, photos-from-scratch, "
        "transfer." in result.err
    )
    told = tellapart("bench", "slow", "--json").json["error"]
    assert (told["type"], told["exit_code"]) == ("ConfigError", 2)


@pytest.mark.parametrize(
    "options",
    [
        ("--batch-size", "0"),
        ("--seconds", "-1"),
        ("--seconds", "nan"),
        ("--seconds", "inf"),
        ("--epochs", "2"),
    ],
)
def test_a_bad_option_is_a_usage_error(options):
    result = tellapart("bench", *options)
    assert (result.code, result.out) == (2, "")
    assert "Traceback" not in result.err
