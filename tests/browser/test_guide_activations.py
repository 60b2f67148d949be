"""The guide's page on activation functions in a browser: its curves, its networks, its gradients."""

import re

import numpy as np
import pytest
import torch
from scipy.special import softmax

from tellapart.guide.contents import named
from tellapart.guide.lessons import activations as making
from tellapart.keras_backend import import_keras

keras = import_keras()
FACTS = named("activations").facts


@pytest.fixture
def page(lesson):
    return lesson("activations")


def said(page, place, what):
    return float(page.locator(f"#{place} [data-what={what}]").get_attribute("data-value"))


@pytest.mark.parametrize("x", [-6.0, -0.7, 0.0, 1.5, 6.0])
def test_one_slider_moves_all_curves(page, x):
    page.locator("#x").fill(str(x))
    for name, function in making.functions().items():
        made = making.curve(function, np.array([x]))
        assert said(page, f"{name}-says", "value") == pytest.approx(made["value"][0], abs=1e-5)
        assert said(page, f"{name}-says", "slope") == pytest.approx(made["slope"][0], abs=1e-5)


@pytest.mark.parametrize(("x", "a", "b"), [(1.5, 1, 0), (-6, 3, -3), (6, -0.5, 2.5), (0, 3, 3)])
def test_softmax_is_keras_own_and_so_is_its_slope(page, x, a, b):
    for name, value in (("x", x), ("a", a), ("b", b)):
        page.locator(f"#{name}").fill(str(value))
    logits = torch.tensor([[x, a, b]], dtype=torch.float64, requires_grad=True)
    share = keras.activations.softmax(logits)[0, 0]
    slope = float(torch.autograd.grad(share, logits)[0][0, 0])
    assert said(page, "softmax-says", "value") == pytest.approx(float(share.detach()), abs=1e-6)
    assert said(page, "softmax-says", "value") == pytest.approx(softmax([x, a, b])[0], abs=1e-6)
    assert said(page, "softmax-says", "slope") == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("number", range(1, making.NETWORKS + 1))
def test_two_layers_with_nothing_between_them_are_one(page, number):
    page.locator("#network").fill(str(number))
    page.select_option("#activation", "linear")
    told = FACTS["networks"][number - 1]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(making.UNITS), keras.layers.Dense(1)])
    weights = [
        [told["first"]],
        told["first_biases"],
        [[one] for one in told["second"]],
        [told["second_bias"]],
    ]
    model.set_weights([np.array(one) for one in weights])
    at_0, at_1 = keras.ops.convert_to_numpy(model(np.array([[0.0], [1.0]])))[:, 0]
    assert said(page, "line-says", "bias") == pytest.approx(at_0, abs=1e-4)
    assert said(page, "line-says", "weight") == pytest.approx(at_1 - at_0, abs=1e-4)
    assert page.locator("#alone").is_visible()


LINE = """() => import("activations").then(({ through }) => {
  const { facts } = JSON.parse(document.getElementById("data").textContent);
  return ["linear", "relu", "sigmoid", "softplus"].map((one) => facts.x.map((x) => through(facts.networks[2], one, x)));
})"""


def test_the_drawn_lines_are_those_of_the_network(page):
    told = FACTS["networks"][2]
    x = np.array(FACTS["x"])[:, None]
    for activation, line in zip(["linear", "relu", "sigmoid", "softplus"], page.evaluate(LINE), strict=True):
        sums = x * told["first"] + told["first_biases"]
        between = keras.ops.convert_to_numpy(keras.activations.get(activation)(sums))
        made = between @ np.array(told["second"]) + told["second_bias"]
        np.testing.assert_allclose(line, made, atol=1e-5)


def test_bends_are_said_and_shown(page):
    told = FACTS["networks"][2]
    bends = sorted(-bias / weight for weight, bias in zip(told["first"], told["first_biases"], strict=True))
    assert "3 bends" in page.inner_text("#line-says")
    assert ", ".join(f"{one:.2f}" for one in bends) in page.inner_text("#line-says")
    assert page.locator("#line svg circle").count() == 3
    page.select_option("#activation", "sigmoid")
    assert page.locator("#line svg circle").count() == 0
    assert "A curve" in page.inner_text("#line-says")


@pytest.mark.parametrize("layers", [1, 10, 20])
def test_what_is_left_of_a_gradient(page, layers):
    page.locator("#layers").fill(str(layers))
    for name in ("relu", "sigmoid"):
        assert said(page, "reach-says", f"{name}-left") == FACTS["reaches"][name][layers - 1]
    assert not re.search(r"\de-?\d", page.inner_text("#reach-says") + page.inner_text("#reach"))
    times = FACTS["reaches"]["relu"][layers - 1] / FACTS["reaches"]["sigmoid"][layers - 1]
    told = page.inner_text("#reach-says").split("which is ")[1].split(" times")[0]
    assert float(told.replace(",", "")) == pytest.approx(times, rel=0.05)


def test_every_chart_is_drawn_and_says_what_it_shows(page):
    for svg in page.locator("figure.chart svg[role=img]").all():
        assert len(svg.get_attribute("aria-label")) > 40
    assert page.locator("figure.chart svg[role=img]").count() == 7
