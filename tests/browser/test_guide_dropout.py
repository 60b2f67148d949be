"""The guide's page on dropout in a browser: trainings as recorded, and activations dropped as Keras drops them."""

import numpy as np
import pytest

from tellapart.guide.contents import named
from tellapart.keras_backend import import_keras

keras = import_keras()

FACTS = named("dropout").facts
ACTIVATIONS = np.array(FACTS["activations"])


@pytest.fixture
def page(lesson):
    return lesson("dropout")


def values(page, where, what):
    return page.locator(f"{where} [data-what={what}]").evaluate_all(
        "all => all.map((one) => Number(one.dataset.value))"
    )


def mulberry32(seed, count):
    """Tommy Ettinger's generator of 32-bit numbers, 2017, as shares of 2^32. (count,)."""
    made, state = [], seed
    for _ in range(count):
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        mixed = ((state ^ (state >> 15)) * (state | 1)) & 0xFFFFFFFF
        mixed ^= (mixed + (((mixed ^ (mixed >> 7)) * (mixed | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        made.append((mixed ^ (mixed >> 14)) / 2**32)
    return np.array(made)


def dropped(draw, rate):
    return np.where(mulberry32(draw, len(ACTIVATIONS)) < rate, 0, ACTIVATIONS / (1 - rate))


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 0.9])
def test_activations_are_dropped_and_the_rest_divided(page, rate):
    page.locator("#rate").fill(str(rate))
    for draw in (1, 2, 3):
        passed = np.array(values(page, "#grid", "passed"))
        np.testing.assert_allclose(passed, dropped(draw, rate), rtol=1e-12)
        assert values(page, "#grid-says", "after")[0] == pytest.approx(passed.mean())
        assert values(page, "#grid-says", "before")[0] == pytest.approx(ACTIVATIONS.mean())
        zeroed = int((mulberry32(draw, len(ACTIVATIONS)) < rate).sum())
        assert f"Draw {draw}: {zeroed} of {len(ACTIVATIONS)} dropped" in page.inner_text("#grid-says")
        assert page.locator("#grid .dropped").count() == zeroed
        page.click("#again")


def test_what_keras_keeps_is_what_the_page_keeps(page):
    page.locator("#rate").fill("0.5")
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dropout(0.5)
    by_keras = keras.ops.convert_to_numpy(layer(ACTIVATIONS[None].astype(np.float32), training=True))[0]
    passed = np.array(values(page, "#grid", "passed"))
    both = (by_keras != 0) & (passed != 0)
    assert both.any()
    np.testing.assert_allclose(passed[both], by_keras[both], rtol=1e-5)


def test_many_draws_have_the_mean_that_was_before(page):
    page.click("#many")
    assert "1,001 draws" in page.inner_text("#grid-says")
    long = values(page, "#grid-says", "long")[0]
    assert long == pytest.approx(np.mean([dropped(draw, 0.25).mean() for draw in range(1, 1002)]))
    assert long == pytest.approx(ACTIVATIONS.mean(), rel=0.02)


def test_nothing_is_dropped_in_prediction(page):
    page.select_option("#mode", "prediction")
    np.testing.assert_allclose(values(page, "#grid", "passed"), ACTIVATIONS)
    assert "Nothing is dropped" in page.inner_text("#grid-says")
    assert page.locator("#again").is_disabled()


@pytest.mark.parametrize("rate", ["0.0", "0.25", "0.5"])
@pytest.mark.parametrize("epoch", [4, 68, 200])
def test_the_trainings_are_shown_epoch_by_epoch(page, rate, epoch):
    page.select_option("#trained", rate)
    page.locator("#epoch").fill(str(epoch))
    place = epoch // FACTS["every"] - 1
    for split in ("train", "test"):
        for measure in ("accuracy", "loss"):
            mean = np.mean([one[f"{split}_{measure}"][place] for one in FACTS["curves"][rate]])
            assert values(page, "#trainings-say", f"{split}-{measure}")[0] == pytest.approx(mean)
    for measure in ("accuracy", "loss"):
        page.select_option("#measure", measure)
        assert page.locator("#trainings path").count() >= 2 * FACTS["seeds"]
