"""What is said of a target before a training: how likely it is, how long it takes, what would help."""

import re

import numpy as np
from sklearn.datasets import load_digits

import tellapart
from tellapart.api.listener import Listener
from tellapart.api.minutes import target
from tellapart.api.minutes.target import of_pictures, of_steps
from tellapart.metrics.learning_curve import LearningCurve, Scored
from tellapart.recipes.in_minutes import OF_PICTURES, OF_STEPS
from tellapart.recipes.recipes import fast


def curve_of(prior):
    """Errors of 0.9 / (1 + (length / 10) ** 0.9) at lengths from 10 to 160."""
    lengths = (10, 20, 40, 80, 160)
    return LearningCurve(
        prior, 0.9, [Scored(x, round(2000 * 0.9 / (1 + (x / 10) ** 0.9)), 2000) for x in lengths]
    )


def test_a_likely_target_is_said_with_the_time_that_it_takes():
    line = of_steps(0.8, curve_of(OF_STEPS), 400, 0.5, 10.0, "3 minutes")
    chance, low, high = map(
        float, re.search(r"(\d+)% likely within 3 minutes.*\((\d+) seconds to (\d+)", line).groups()
    )
    assert chance > 90
    # 0.2 = 0.9 / (1 + (x / 10) ** 0.9) at x = 40.2 steps: 10 + 20 seconds
    assert low < 30 < high


def test_an_unlikely_target_is_said_with_the_time_that_it_would_take():
    line = of_steps(0.95, curve_of(OF_STEPS), 40, 0.5, 10.0, "30 seconds")
    assert "not expected within 30 seconds (< 1% likely); a training long enough takes about" in line


def test_a_target_that_no_curve_reaches_is_said_with_what_would_help():
    line = of_steps(0.9999, curve_of(OF_STEPS), 400, 0.5, 10.0, "3 minutes")
    assert "not expected, however long it is trained" in line
    assert "--recipe transfer" in line


def test_a_last_layer_is_said_to_need_more_pictures():
    assert "likely by a last layer alone" in of_pictures(0.7, curve_of(OF_PICTURES), 200)
    line = of_pictures(0.93, curve_of(OF_PICTURES), 100)
    needed = int(re.search(r"about ([\d,]+) pictures", line)[1].replace(",", ""))
    assert 120 < needed < 1000  # 0.07 at 161 pictures without a floor, later with one


class Hearing(Listener):
    def __init__(self):
        self.heard = []

    def notice(self, words):
        self.heard.append(words)


def trained(tmp_path, listener):
    digits = load_digits()
    config = fast(mirrors=False).changed(
        widths=(8, 16, 16), batch_size=64, statistics_over=None, predictions=0
    )
    images = np.clip(16 * digits.images, 0, 255).astype(np.uint8)
    return tellapart.train(
        (images, digits.target), recipe=config, target=0.3, out=tmp_path / "run", listener=listener
    )


def test_a_target_without_minutes_is_forecast_too(tmp_path, monkeypatch):
    monkeypatch.setattr(target, "FEWEST_STEPS", 1)
    listener = Hearing()
    result = trained(tmp_path, listener)
    assert re.match(
        r"Target 30.0%: .* the recipe's 9 epochs, .*Basis: curve through trainings of 4", listener.heard[-1]
    )
    assert result.history[-1].val_accuracy >= 0.3


def test_a_short_training_is_not_measured_for_its_target(tmp_path):
    listener = Hearing()
    trained(tmp_path, listener)
    assert not any("Target" in words for words in listener.heard)
