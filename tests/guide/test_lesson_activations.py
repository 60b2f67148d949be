"""The sentences of the guide's page on activation functions."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from tellapart.guide.contents import named
from tellapart.guide.lessons import activations as making
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

FACTS = named("activations").facts
X = np.array(FACTS["x"])
VALUES = {
    "relu": np.where(X > 0, X, 0),
    "sigmoid": expit(X),
    "softplus": np.logaddexp(0, X),
    "gaussian": np.exp(-(X**2)),
}
SLOPES = {
    "relu": np.where(X > 0, 1, 0),
    "sigmoid": expit(X) * (1 - expit(X)),
    "softplus": expit(X),
    "gaussian": -2 * X * np.exp(-(X**2)),
}
RANDOM = np.random.default_rng(0).normal(0, 4, 500)


def kept(name, part="value"):
    return np.array(FACTS["curves"][name][part])


def activated(name, numbers):
    """By Keras's layer, in the engine."""
    numbers = np.atleast_2d(numbers).astype(np.float32)
    model = keras.Sequential([keras.Input(numbers.shape[1:]), keras.layers.Activation(name)])
    return lower(model, "float32")(torch.from_numpy(numbers)).detach().numpy()


@pytest.mark.parametrize("name", VALUES)
def test_the_curves_are_the_formulas_and_their_derivatives(name):
    np.testing.assert_allclose(kept(name), VALUES[name], atol=1e-6)
    np.testing.assert_allclose(kept(name, "slope"), SLOPES[name], atol=1e-6)


@pytest.mark.proves("each-alone")
@pytest.mark.parametrize("name", ["relu", "sigmoid", "softplus", "gaussian", "softmax"])
def test_only_softmax_looks_at_the_other_numbers(name):
    function = (lambda x: keras.ops.exp(-x * x)) if name == "gaussian" else name
    together = activated(function, [1.0, -2.0, 0.5])[0, 0]
    among_others = activated(function, [1.0, 3.0, 0.0])[0, 0]
    assert (together == pytest.approx(among_others)) == (name != "softmax")


@pytest.mark.proves("slope")
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gaussian"])
def test_a_slope_is_what_a_small_step_changes(name):
    function = making.functions()[name]
    step = 1e-6
    x = torch.tensor(X, dtype=torch.float64)
    change = (function(x + step) - function(x - step)) / (2 * step)
    np.testing.assert_allclose(kept(name, "slope"), change.numpy(), atol=1e-6)


@pytest.mark.proves("tutorial")
def test_the_tutorials_activations():
    layers = [layer for layer in first_cnn((32, 32, 3), 10).layers if "Dropout" not in type(layer).__name__]
    behind = {
        before.name: after.activation.__name__
        for before, after in pairwise(layers)
        if isinstance(after, keras.layers.Activation)
    }
    convolutions = [layer.name for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    first, last = (layer.name for layer in layers if isinstance(layer, keras.layers.Dense))
    assert len(convolutions) == 4
    assert behind == dict.fromkeys([*convolutions, first], "relu") | {last: "softmax"}
    assert behind[layers[-2].name] == "softmax"


@pytest.mark.proves("relu", "all-it-does", "corner")
def test_relu_is_the_larger_of_a_number_and_zero():
    made = activated("relu", RANDOM)[0]
    assert (made == np.maximum(RANDOM.astype(np.float32), 0)).all()
    assert (made == np.where(RANDOM > 0, RANDOM, 0).astype(np.float32)).all()
    step = 1e-3
    to_the_left, to_the_right = (making.functions()["relu"](torch.tensor(one)) for one in (-step, step))
    assert float(to_the_left) / -step == 0
    assert float(to_the_right) / step == pytest.approx(1)
    assert kept("relu", "slope")[X == 0] == 0


@pytest.mark.proves("softplus")
def test_softplus_is_near_relu_and_its_slope_is_the_sigmoid():
    far = np.abs(X) >= 5
    np.testing.assert_allclose(kept("softplus")[far], kept("relu")[far], atol=0.01)
    assert (np.diff(kept("softplus", "slope")) > 0).all()
    np.testing.assert_allclose(kept("softplus", "slope"), activated("sigmoid", X)[0], atol=1e-6)


@pytest.mark.proves("sigmoid", "quarter")
def test_the_sigmoid_stays_between_0_and_1_and_its_slope_below_a_quarter():
    made = making.curve(making.functions()["sigmoid"], RANDOM)
    assert made["value"].min() > 0
    assert made["value"].max() < 1
    assert made["slope"].max() <= 0.25
    assert kept("sigmoid", "slope")[X == 0] == 0.25
    assert ten_sigmoids_in_a_row(weight=1) < 0.25**10 < 1e-6
    assert ten_sigmoids_in_a_row(weight=4) > 1e-6


def ten_sigmoids_in_a_row(weight):
    """The slope through ten units with one number each, where each is steepest."""
    x = torch.zeros(1, 1, requires_grad=True)
    number = x
    for _ in range(10):
        unit = keras.layers.Dense(1, "sigmoid")
        unit.build((None, 1))
        unit.set_weights([np.array([[weight * 0.999]]), np.array([-weight * float(number.detach()[0, 0])])])
        number = unit(number)
    return float(torch.autograd.grad(number.sum(), x)[0])


@pytest.mark.proves("gaussian")
def test_the_gaussian_is_a_hill_around_zero_that_keras_does_not_name():
    assert X[kept("gaussian").argmax()] == 0
    np.testing.assert_array_equal(kept("gaussian"), kept("gaussian")[::-1])
    assert not hasattr(keras.activations, "gaussian")
    with pytest.raises(ValueError, match="gaussian"):
        keras.layers.Activation("gaussian")
    own = keras.layers.Activation(lambda x: keras.ops.exp(-x * x))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(own(X)), kept("gaussian"), atol=1e-6)


@pytest.mark.proves("softmax")
def test_softmax_makes_shares():
    def share(x, a=1.0, b=0.0):
        made = activated("softmax", [x, a, b])[0]
        assert made.sum() == pytest.approx(1)
        assert made[0] == pytest.approx(softmax([x, a, b])[0], rel=1e-5)
        assert np.log(made[0]) == pytest.approx(log_softmax([x, a, b])[0], abs=1e-4)
        return made[0]

    assert (np.diff([share(x) for x in range(-6, 7)]) > 0).all()
    assert (np.diff([share(1.5, a) for a in range(-3, 4)]) < 0).all()


def two_layers(sizes, activation, seed):
    """Two dense layers as Keras draws them, with biases that are not zero."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(sizes[1], activation, bias_initializer="random_normal"),
        keras.layers.Dense(sizes[2], bias_initializer="random_normal"),
    ]
    keras.Sequential([keras.Input((sizes[0],)), *layers])
    return layers


@pytest.mark.proves("units")
def test_a_dense_layer_is_its_units_side_by_side():
    layer, numbers = keras.layers.Dense(3, "relu"), np.random.default_rng(0).normal(size=(5, 4))
    together = keras.ops.convert_to_numpy(layer(numbers))
    weights, biases = layer.get_weights()
    for unit in range(layer.units):
        alone = np.maximum(0, numbers @ weights[:, unit] + biases[unit])
        np.testing.assert_allclose(together[:, unit], alone, atol=1e-5)


@pytest.mark.proves("one-layer")
@pytest.mark.parametrize("sizes", [(1, 3, 1), (6, 50, 4), (64, 5, 10)])
def test_two_layers_without_an_activation_are_one(sizes):
    first, second = two_layers(sizes, None, seed=sum(sizes))
    (one, one_bias), (two, two_bias) = first.get_weights(), second.get_weights()
    single = keras.layers.Dense(sizes[2])
    single.build((None, sizes[0]))
    single.set_weights([one @ two, one_bias @ two + two_bias])
    numbers = np.random.default_rng(0).normal(size=(20, sizes[0])).astype(np.float32)
    both, alone = (keras.ops.convert_to_numpy(made) for made in (second(first(numbers)), single(numbers)))
    np.testing.assert_allclose(both, alone, atol=1e-5)


@pytest.mark.proves("bends")
@pytest.mark.parametrize("seed", range(8))
def test_with_relu_the_line_bends_once_a_unit_at_most(seed):
    first, second = two_layers((1, 3, 1), "relu", seed)
    x = np.linspace(-6, 6, 2401)
    weights, biases = (part.astype(np.float64) for part in first.get_weights())
    hidden = np.maximum(x[:, None] @ weights + biases, 0)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(first(x[:, None])), hidden, atol=1e-5)
    line = hidden @ second.get_weights()[0].astype(np.float64)
    turns = np.flatnonzero(np.abs(np.diff(line[:, 0], n=2)) > 1e-9)
    bends = 1 + (np.diff(turns) > 1).sum() if len(turns) else 0
    assert bends <= 3
    inside = np.abs(biases / weights[0]) < 6
    assert (bends > 0) == inside.any()


@pytest.mark.proves("passes")
def test_relu_lets_a_gradient_pass_or_stops_it():
    x = torch.tensor([-3.0, -0.1, 0.1, 7.0], requires_grad=True)
    sent = torch.tensor([5.0, -2.0, 5.0, -2.0])
    back = torch.autograd.grad(keras.activations.relu(x), x, sent)[0]
    assert back.tolist() == [0, 0, 5, -2]
    through = torch.autograd.grad(keras.activations.sigmoid(x), x, sent)[0].numpy()
    slopes = expit(x.detach().numpy()) * (1 - expit(x.detach().numpy()))
    np.testing.assert_allclose(through, sent.numpy() * slopes, rtol=1e-5)


def numbers_and_weights(activation, seed, initializer="glorot_uniform"):
    """A network of `making`, rebuilt: the sums of each layer and its weights."""
    keras.utils.set_random_seed(seed)
    numbers = torch.randn(64, making.WIDTH)
    sums, weights = [], []
    for _ in range(making.LAYERS):
        layer = keras.layers.Dense(making.WIDTH, activation, kernel_initializer=initializer)
        made = layer(numbers).detach()
        weights.append(layer.get_weights()[0])
        sums.append(numbers.numpy() @ weights[-1])
        numbers = made
    return sums, weights, torch.randn(64, making.WIDTH).numpy()


def back_by_hand(sums, weights, start, slope):
    """The gradient's length behind each layer, over its length at the start."""
    gradient, left = start, []
    for one, kernel in zip(reversed(sums), reversed(weights), strict=True):
        gradient = (gradient * slope(one)) @ kernel.T
        left.append(np.linalg.norm(gradient) / np.linalg.norm(start))
    return np.array(left)


@pytest.mark.proves("measured")
@pytest.mark.parametrize(
    ("name", "slope"), [("relu", lambda x: x > 0), ("sigmoid", lambda x: expit(x) * expit(-x))]
)
def test_what_is_left_of_a_gradient_is_what_the_chain_rule_says(name, slope):
    logs = [np.log(back_by_hand(*numbers_and_weights(name, seed), slope)) for seed in range(5)]
    np.testing.assert_allclose(FACTS["reaches"][name], np.exp(np.mean(logs, 0)), rtol=2e-3)
    assert FACTS["reaches"]["relu"][9] > 10_000 * FACTS["reaches"]["sigmoid"][9]


@pytest.mark.proves("half")
def test_relu_stops_half_of_the_gradient_and_without_it_nothing_is_lost():
    for seed in range(3):
        sums, weights, start = numbers_and_weights("relu", seed)
        assert np.mean([(one > 0).mean() for one in sums]) == pytest.approx(0.5, abs=0.1)
        with_relu = back_by_hand(sums, weights, start, lambda x: x > 0)
        without = back_by_hand(sums, weights, start, np.ones_like)
        assert with_relu[9] < 0.1
        assert without[9] > 0.5


@pytest.mark.proves("he")
def test_weights_twice_as_large_in_variance_keep_relus_gradient():
    variances = {}
    for name in ("glorot_normal", "he_normal"):
        sums, weights, start = numbers_and_weights("relu", 0, name)
        variances[name] = np.mean([one.var() for one in weights])
        left = back_by_hand(sums, weights, start, lambda x: x > 0)[9]
        assert left < 0.1 if name == "glorot_normal" else left > 0.4
    assert variances["he_normal"] / variances["glorot_normal"] == pytest.approx(2, rel=0.05)
    assert keras.layers.Dense(1).kernel_initializer.__class__.__name__ == "GlorotUniform"


@pytest.mark.proves("dead")
def test_a_unit_below_zero_everywhere_gets_no_gradient():
    layer = keras.layers.Dense(2, "relu")
    layer.build((None, 4))
    pictures = torch.rand(30, 4)
    layer.set_weights([np.array([[-1, 1]] * 4), np.array([-0.1, 0.1])])
    layer(pictures).sum().backward()
    gradients = [variable.value.grad.numpy() for variable in layer.trainable_variables]
    assert (gradients[0][:, 0] == 0).all()
    assert (gradients[0][:, 1] != 0).all()
    assert gradients[1][0] == 0


@pytest.mark.proves("question")
def test_two_sigmoids_multiply_by_a_sixteenth_at_most():
    assert making.curve(making.functions()["sigmoid"], RANDOM)["slope"].max() ** 2 <= 0.0625
    x = torch.zeros(1, 1, requires_grad=True)
    twice = keras.activations.sigmoid(keras.activations.sigmoid(x) - 0.5)
    assert float(torch.autograd.grad(twice.sum(), x)[0]) == 0.0625 == 1 / 16
