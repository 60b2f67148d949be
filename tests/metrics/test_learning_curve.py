"""The forecast's interval holds as often as it says, on curves whose truth is known."""

import numpy as np
import pytest

from tellapart.metrics.learning_curve import CurvePrior, LearningCurve, Scored, guessing_error

PRIOR = CurvePrior(floor=(0.01, 0.4), scale=(2, 200), power=(0.3, 2), noise=0.1, source="a test")
START, IMAGES = 0.9, 1000


def simulated(random, lengths):
    """Draw a curve from the prior; return its error as a function, and what short trainings scored."""
    floor, scale, power = (
        np.exp(random.uniform(*np.log(each))) for each in (PRIOR.floor, PRIOR.scale, PRIOR.power)
    )

    def error(length):
        share = START * floor + START * (1 - floor) / (1 + (length / scale) ** power)
        log_odds = np.log(share / (1 - share)) + PRIOR.noise * random.standard_normal()
        return 1 / (1 + np.exp(-log_odds))

    return error, [Scored(each, random.binomial(IMAGES, error(each)), IMAGES) for each in lengths]


@pytest.mark.parametrize("pictures", [40, 1000])
def test_ninety_percent_of_outcomes_lie_in_the_interval(pictures):
    random, inside, rounds = np.random.default_rng(1), 0, 300
    for _ in range(rounds):
        error, scored = simulated(random, (8, 16, 32, 64))
        forecast = LearningCurve(PRIOR, START, scored).error(400, pictures)
        inside += forecast.low <= random.binomial(pictures, error(400)) / pictures <= forecast.high
    assert inside / rounds == pytest.approx(0.9, abs=0.05)  # 2.9 standard errors


def test_scores_make_the_interval_narrower_and_move_it_to_the_truth():
    random = np.random.default_rng(2)
    widths, misses = [], []
    for lengths in ((), (8, 16), (8, 16, 32, 64, 128, 256)):
        rounds = [simulated(random, lengths) for _ in range(40)]
        forecasts = [
            (LearningCurve(PRIOR, START, scored).error(400, IMAGES), error(400)) for error, scored in rounds
        ]
        widths.append(np.mean([each.high - each.low for each, _ in forecasts]))
        misses.append(np.mean([abs(each.middle - truth) for each, truth in forecasts]))
    assert widths[0] > 1.3 * widths[1] > 1.6 * widths[2]
    assert misses[0] > misses[1] > misses[2]


def test_the_length_for_an_error_is_that_at_which_the_error_is_forecast():
    scored = [
        Scored(length, int(IMAGES * 0.9 / (1 + (length / 10) ** 0.8)), IMAGES) for length in (10, 40, 160)
    ]
    curve = LearningCurve(PRIOR, START, scored)
    length = curve.length(0.1).middle
    assert curve.error(length, 10**9).middle == pytest.approx(0.1, abs=0.01)
    assert curve.chance(0.1, length) == pytest.approx(0.5, abs=0.06)
    assert curve.chance(0.1, 10 * length) > 0.8 > 0.2 > curve.chance(0.1, length / 10)


def test_an_error_below_every_floor_is_never_reached():
    curve = LearningCurve(PRIOR, START, [])
    assert curve.length(0.0001) == (np.inf, np.inf, np.inf)
    assert curve.chance(0.0001, 1e9) == 0


def test_the_same_scores_give_the_same_forecast():
    scored = [Scored(8, 600, 1000), Scored(16, 450, 1000)]
    assert LearningCurve(PRIOR, START, scored).error(99, 50) == LearningCurve(PRIOR, START, scored).error(
        99, 50
    )


def test_scores_that_no_curve_explains_still_give_an_interval():
    curve = LearningCurve(PRIOR, START, [Scored(8, 5, 10_000), Scored(800, 8000, 10_000)])
    assert np.isfinite(curve.error(100, 1000)).all()


def test_guessing_answers_the_most_frequent_class():
    assert guessing_error([60, 30, 10]) == pytest.approx(0.4)
