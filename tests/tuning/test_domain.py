"""Domains: what a text such as 1e-4..1e-1:log means."""

import pytest

from tellapart.errors import ConfigError
from tellapart.tuning.domain import Options, Range, domain_from


@pytest.mark.parametrize(
    ("text", "default", "meant"),
    [
        ("1e-4..1e-1:log", 0.001, Range(1e-4, 0.1, log=True)),
        ("0..0.2", 0.0, Range(0, 0.2)),
        (".5...9", 0.6, Range(0.5, 0.9)),
        ("-1..1", 0.0, Range(-1, 1)),
        ("16..128:log", 32, Range(16, 128, log=True, whole=True)),
        ("x0.1..x10:log", 0.002, Range(0.0002, 0.02, log=True)),
        ("x0.5..x3", 3, Range(2, 9, whole=True)),
        ("adam,sgd", "adam", Options(("adam", "sgd"))),
        ("16,32, 64", 32, Options((16, 32, 64))),
        ("true,false", True, Options((True, False))),
        ("none,0.5", None, Options(("none", "0.5"))),
    ],
)
def test_a_text_is_read(text, default, meant):
    assert domain_from(text, "setting", default) == meant


@pytest.mark.parametrize("text", ["1e-4..1e-1:log", "16..128:log", "0..0.2", "adam,sgd", "16,32,64"])
def test_a_domain_is_written_as_it_is_read(text):
    domain = domain_from(text, "setting", 32 if "128" in text else 0.1)
    again = domain_from(domain.text, "setting", 32 if "128" in text else 0.1)
    assert again == domain


@pytest.mark.parametrize(
    ("text", "default", "words"),
    [
        ("adam", "adam", "two or more different options"),
        ("adam,adam", "adam", "two or more different options"),
        ("1..2:exp", 1.0, "a range such as"),
        ("1..", 1.0, "a range such as"),
        ("low..high", 1.0, "a range such as"),
        ("x1..2", 1.0, "a range such as"),
        ("2..1", 1.0, "from a lower to a higher"),
        ("0..1:log", 0.5, "begins above 0"),
        ("1.5..3", 2, "whole number"),
        ("x0.1..x10", 0.0, "multiples of the recipe's own value, which is 0"),
        ("x0.1..x10", "adam", "multiples of the recipe's own value, which is adam"),
    ],
)
def test_a_text_that_means_nothing_is_refused_in_words(text, default, words):
    with pytest.raises(ConfigError, match=words):
        domain_from(text, "setting", default)


def test_a_value_has_three_digits_and_a_whole_one_all():
    assert Range(0, 1).of(0.123456) == 0.123
    assert Range(1, 9999, whole=True).of(1234) == 1234


def test_a_place_on_a_logarithmic_axis_counts_factors():
    assert Range(0.001, 1, log=True).place(0.01) == pytest.approx(1 / 3)
    assert Range(0.001, 1, log=True).place(0) == 0
    assert Range(0, 10).place(20) == 1
