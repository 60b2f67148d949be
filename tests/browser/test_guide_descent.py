"""The guide's page on gradient descent in a browser: its five optimizers step as the real ones do."""

import numpy as np
import pytest

from tellapart.guide.contents import named
from tellapart.guide.lessons._optimizer_paths import OPTIMIZERS, walk

TOLERANCE = dict.fromkeys(OPTIMIZERS, 1e-5) | {"muon": 1e-3}
"""Of a place's numbers. Muon counts in bfloat16, which a processor may add up in another order."""

RATES = {0.01: 10, 0.05: 17, 0.08: 19}
"""Learning rate -> the slider's place."""


@pytest.fixture
def page(lesson):
    return lesson("descent")


def numbers(page, what):
    found = page.locator(f"#step-says [data-what={what}]").first
    return float(found.get_attribute("data-value"))


def set_to(page, **values):
    for name, value in values.items():
        page.locator(f"#{name.replace('_', '-')}").fill(str(value))


def steps_of(page, count):
    """Where each optimizer stands after 0, 1, ... steps, as the table says: name -> (count + 1, 2)."""
    found = page.evaluate(
        """([names, count]) => {
          const slider = document.getElementById("steps");
          return Array.from({ length: count + 1 }, (_, step) => {
            slider.value = step;
            slider.dispatchEvent(new Event("input"));
            const value = (id) => Number(document.getElementById(id).dataset.value);
            return names.map((name) => [value(`${name}-x`), value(`${name}-y`)]);
          });
        }""",
        [list(OPTIMIZERS), count],
    )
    return {name: np.array(found)[:, i] for i, name in enumerate(OPTIMIZERS)}


@pytest.mark.parametrize(
    ("landscape", "start", "rate", "batch"),
    [
        ("valley", (-1.8, 1.2), 0.08, None),
        ("valley", (1.5, -0.65), 0.01, 32),
        ("saddle", (-0.05, 1.6), 0.05, None),
        ("saddle", (0.0, 1.2), 0.05, 1),
    ],
)
def test_each_step_is_that_of_the_real_optimizer(page, landscape, start, rate, batch):
    page.select_option("#landscape", landscape)
    page.select_option("#noise", str(batch or ""))
    set_to(page, rate=RATES[rate], start_x=start[0], start_y=start[1])
    assert page.inner_text("#rate-says") == str(rate)
    found = steps_of(page, 25)
    for name in OPTIMIZERS:
        real = np.array(list(walk(name, landscape, start, rate, 25, batch)))
        np.testing.assert_allclose(found[name], real, atol=TOLERANCE[name], err_msg=name)


def test_one_weight_steps_against_its_slope(page):
    set_to(page, one_weight=-1.5, one_rate=0.25)
    assert (numbers(page, "slope"), numbers(page, "next")) == (-3, pytest.approx(-0.75))
    assert numbers(page, "tenth") == pytest.approx(-1.5 * 0.5**10)


def test_what_leaves_is_said_to_diverge(page):
    set_to(page, rate=30, steps=60)
    assert page.inner_text("#sgd-loss") == "diverged"
    assert page.inner_text("#standing").startswith("After 60 steps")
    assert page.troubles == []


def test_step_play_and_reset(page):
    page.click("#reset")
    assert page.inner_text("#steps-says") == "0"
    page.click("#step")
    assert page.inner_text("#steps-says") == "1"
    page.click("#play")  # at once, because the reader wishes for little motion
    assert page.inner_text("#steps-says") == "200"


def test_playing_goes_on_until_it_is_paused(page):
    page.emulate_media(reduced_motion="no-preference")
    page.click("#reset")
    page.click("#play")
    page.wait_for_function("Number(document.getElementById('steps').value) >= 3")
    page.click("#play")
    assert page.inner_text("#play") == "Play"
    stopped = page.inner_text("#steps-says")
    page.wait_for_timeout(300)
    assert page.inner_text("#steps-says") == stopped


def test_the_pointer_starts_elsewhere(page):
    box = page.locator("#map svg").bounding_box()
    page.locator("#map svg").click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.25})
    x, y = (float(page.locator(f"#start-{name}").input_value()) for name in "xy")
    assert x > 0.5
    assert y > 0.5
    page.locator("#steps").fill("0")
    assert float(page.locator("#adam-x").get_attribute("data-value")) == pytest.approx(x)


def test_an_optimizer_can_be_hidden(page):
    before = page.locator("#map svg path").count()
    page.locator("#shows-momentum").uncheck()
    assert page.locator("#map svg path").count() < before


def test_the_tutorials_rate_is_read_off(page):
    rates = named("descent").facts["rates"]
    for epochs in (0, 57, 200):
        set_to(page, epochs=epochs)
        said = page.inner_text("#rates-say")
        assert f"{epochs * 1563:,} steps" in said
        assert f"{rates[epochs]:.8f}" in said
        assert f"{100 * rates[epochs] / rates[0]:.1f}%" in said
