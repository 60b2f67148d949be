"""The guide's page on loss in a browser: what answers cost there is what they cost in Keras."""

import numpy as np
import pytest
import torch

from tellapart.guide.contents import named
from tellapart.keras_backend import import_keras

keras = import_keras()

FACTS = named("loss").facts
CAT = 3


@pytest.fixture
def page(lesson):
    return lesson("loss")


def numbers(page, where, what):
    return page.locator(f"{where} [data-what={what}]").evaluate_all(
        "all => all.map((one) => Number(one.dataset.value))"
    )


def by_keras(labels, probabilities):
    targets = torch.tensor(np.eye(10, dtype=np.float32)[labels])
    given = torch.tensor(np.array(probabilities, np.float32))
    return keras.ops.convert_to_numpy(keras.losses.categorical_crossentropy(targets, given))


@pytest.mark.parametrize("rest", ["all", "one"])
@pytest.mark.parametrize("probability", [0, 0.001, 0.1, 0.5, 0.7, 1])
def test_an_answer_costs_what_it_costs_in_keras(page, probability, rest):
    page.locator("#probability").fill(str(probability))
    page.select_option("#rest", rest)
    shares = numbers(page, "#bars", "share")
    assert shares[CAT] == probability
    assert sum(shares) == pytest.approx(1)
    assert numbers(page, "#cost-says", "cost")[0] == pytest.approx(
        by_keras([CAT], [shares])[0], rel=1e-4, abs=1e-6
    )
    assert ("off the chart" in page.inner_text("#cost-says")) == (probability == 0)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_bar_does_not_run_into_its_number(lesson, width):
    page = lesson("loss", width)
    for probability in (0.7, 1):
        page.locator("#probability").fill(str(probability))
        cell = page.locator("#bars td").nth(CAT)
        bar = cell.evaluate("(one) => parseFloat(getComputedStyle(one, '::before').width)")
        assert bar > 20
        assert cell.bounding_box()["x"] + bar < cell.locator("span").bounding_box()["x"]


@pytest.mark.parametrize("taken_out", [(), (3,), (0, 1)])
def test_a_batch_costs_the_mean(page, taken_out):
    for place in taken_out:
        page.locator("#batch input").nth(place).uncheck()
    kept = [row for place, row in enumerate(FACTS["batch"]) if place not in taken_out]
    losses = by_keras([row["label"] for row in kept], [row["probabilities"] for row in kept])
    assert numbers(page, "#batch-says", "mean")[0] == pytest.approx(losses.mean(), rel=1e-4)
    assert f"÷ {len(kept)}" in page.inner_text("#batch-says")
    assert page.locator("#batch .wrong").count() == 1


def test_no_picture_has_no_loss(page):
    for place in range(4):
        page.locator("#batch input").nth(place).uncheck()
    assert page.inner_text("#batch-says") == "An empty batch has no loss."


@pytest.mark.parametrize("place", [0, 66, 160])
def test_a_weight_is_shown_with_its_loss_and_its_mistakes(page, place):
    page.locator("#weight").fill(str(place))
    assert numbers(page, "#moved-says", "moved-loss")[0] == pytest.approx(FACTS["moved"]["loss"][place])
    assert numbers(page, "#moved-says", "moved-mistakes")[0] == FACTS["moved"]["mistakes"][place]
    assert page.inner_text("#weight-says") == f"{FACTS['moved']['weights'][place]:.3f}"


def test_the_slider_begins_near_the_weights_own_value(page):
    at = int(page.locator("#weight").input_value())
    assert abs(FACTS["moved"]["weights"][at] - FACTS["moved"]["own"]) < 0.03
