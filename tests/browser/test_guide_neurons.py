"""The guide's page on neurons in a browser: a neuron and a network answer there as in Keras."""

import numpy as np
import pytest
from frames import frame_offsets
from scipy.special import expit

from tellapart.guide.contents import named
from tellapart.guide.lessons import neurons as making

FACTS = named("neurons").facts


@pytest.fixture
def page(lesson):
    return lesson("neurons")


def put(page, **values):
    for name, value in values.items():
        page.locator(f"#{name.replace('_', '-')}").fill(str(value))


def numbers(page, where, what):
    values = page.locator(f"{where} [data-what={what}]").evaluate_all(
        "all => all.map((one) => one.dataset.value)"
    )
    return [float(one) for one in values]


@pytest.mark.parametrize(
    ("first", "second", "bias", "digit"), [(2, 4, -2, 0), (10, -2.5, -2, 7), (-3, 0, 1.5, 59), (0, 0, 0, 3)]
)
def test_a_neuron_answers(page, first, second, bias, digit):
    put(page, weight_1=first, weight_2=second, bias=bias, digit=digit)
    sums = np.array(FACTS["points"]) @ [first, second] + bias
    assert numbers(page, "#neuron-works", "weight") == [first, second]
    assert numbers(page, "#neuron-works", "input") == FACTS["points"][digit]
    assert numbers(page, "#neuron-works", "sum") == pytest.approx([sums[digit]] * 2, abs=1e-9)
    assert numbers(page, "#neuron-works", "answer") == pytest.approx([expit(sums[digit])], abs=1e-9)
    wrong = int(((sums > 0) != (np.array(FACTS["labels"]) == 1)).sum())
    assert page.inner_text("#neuron-says").startswith(f"{wrong} of 60 digits")
    if wrong:
        ones = int(((sums <= 0) & (np.array(FACTS["labels"]) == 1)).sum())
        assert f"{wrong - ones} zero" in page.inner_text("#neuron-says")
        assert f"and {ones} one" in page.inner_text("#neuron-says")
    name = ["zero", "one"][FACTS["labels"][digit]]
    assert page.inner_text("#neuron-works").strip().endswith(f"It is a {name}.")
    assert page.inner_text("#digit-says") == str(digit + 1)


@pytest.mark.parametrize("width", [1280, 390])
def test_frames_enclose_the_measured_pixels(lesson, width):
    page = lesson("neurons", width)
    for place, column in ((2, 3), (3, 1), (4, 5)):
        offsets = frame_offsets(page, "digit-picture", f"#digit-frame :nth-child({place})", 8, 3, column, 2)
        assert np.abs(offsets).max() < 1, column


LINE = """(svg) => {
  const box = svg.querySelector("image").getBoundingClientRect();
  const path = svg.querySelector("g[clip-path] path"), length = path.getTotalLength();
  return Array.from({ length: 400 }, (_, i) => {
    const at = path.getPointAtLength((i * length) / 400).matrixTransform(path.getScreenCTM());
    return [(at.x - box.left) / box.width, (box.bottom - at.y) / box.height];
  });
}"""
"""Points of the contour, as shares of the plane."""


@pytest.mark.parametrize(("first", "second", "bias"), [(4, 4, -4), (10, -2.5, -2)])
def test_the_line_is_drawn_where_the_sum_is_zero(page, first, second, bias):
    put(page, weight_1=first, weight_2=second, bias=bias)
    points = np.array(page.locator("#plane svg").evaluate(LINE))
    inside = points[((points > 0.02) & (points < 0.98)).all(1)]
    assert len(inside) > 10
    distance = (inside @ [first, second] + bias) / np.hypot(first, second)
    np.testing.assert_allclose(distance, 0, atol=0.01)


@pytest.mark.parametrize("name", ["good", "stuck"])
@pytest.mark.parametrize(("look", "left", "right"), [(0, 0.15, 0.85), (24, 1, 0), (60, 0.5, 0.45)])
def test_the_network_answers_as_in_keras(page, name, look, left, right):
    page.select_option("#beginning", name)
    put(page, step=look, left=left, right=right)
    kept = FACTS["trainings"][name][look]
    model = making.network()
    model.set_weights(making.arranged(kept["weights"]))
    pair = np.array([[left, right]], np.float32)
    hidden = model.layers[0](pair).detach().numpy()[0]
    answer = float(model(pair).detach().numpy()[0, 0])
    assert numbers(page, "#network-works", "answer") == pytest.approx([*hidden, answer], abs=1e-5)
    assert page.inner_text("#step-tells") == f"After {look * 5} steps, {kept['mistakes']} of 48 are wrong."
    says = "exactly one is bright" if answer > 0.5 else "not exactly one is bright"
    assert page.inner_text("#network-says") == f"The network predicts: {says}."


@pytest.mark.parametrize("width", [1280, 390])
def test_the_networks_answer_is_seen_while_its_training_is_moved(lesson, width):
    page = lesson("neurons", width)
    slider, answer = (page.locator(one).bounding_box() for one in ("#step", "#last svg"))
    assert slider["y"] < answer["y"]
    assert answer["y"] + answer["height"] - slider["y"] < 420


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(2 * 3 - 1 * 1, "And the bias?"), (2 * 3 + 1 * 1 + 0.5, "One of the weights is negative.")],
)
def test_a_likely_wrong_sum_gets_its_own_hint(page, answer, hint):
    form = page.locator("form.question[data-kind=number]")
    form.locator("input").fill(str(answer))
    form.locator("button").click()
    assert form.locator(".verdict").inner_text() == f"Not quite. {hint}"


def test_wrong_pairs_are_ringed(page):
    wrong = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--wrong').trim()")
    for look in (0, 60):
        put(page, step=look)
        rings = page.locator(f"#last svg [stroke='{wrong}'] circle")
        assert rings.count() == FACTS["trainings"]["good"][look]["mistakes"]
