"""Operators of `keras.ops` in a model's graph, on tensors of every rank, against Keras itself."""

from functools import partial

import numpy as np
import pytest
import torch
from against_keras import assert_same_as_keras, model_of, pictures

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.ops.activations import ACTIVATIONS
from tellapart.lowering.ops.operators import OF_ANYTHING, OF_NUMBERS

keras = import_keras()
layers, ops = keras.layers, keras.ops

ROW = np.array([0.5, -1.0, 2.0], np.float32)

OF_ONE = {
    "arithmetic": lambda x: (2 - x) * 3 / 2 + 1,
    "division of one": lambda x: 1 / (x * x + 1),
    "constant row": lambda x: x * ROW + ROW,
    "power": lambda x: (x * x + 1) ** 1.5,
    "maximum with a number": lambda x: ops.maximum(x, 0.25),
    "minimum with a number": lambda x: ops.minimum(-0.25, x),
    "signs": lambda x: -x + ops.abs(x) * ops.sign(x),
    "roots": lambda x: ops.sqrt(ops.square(x) + 1) + ops.rsqrt(ops.square(x) + 1),
    "logarithms": lambda x: ops.log(ops.exp(x) + 1) + ops.log1p(ops.square(x)) + ops.expm1(x),
    "other logarithms": lambda x: ops.log2(ops.square(x) + 1) + ops.log10(ops.square(x) + 1),
    "waves": lambda x: ops.sin(x) * ops.cos(x) + ops.erf(x),
    "rounding": lambda x: ops.floor(x) + ops.ceil(x) + x,
    "reciprocal": lambda x: ops.reciprocal(ops.square(x) + 1),
    "no gradient": lambda x: ops.stop_gradient(x) * x,
    "clip": lambda x: ops.clip(x, -0.5, 1.0),
    "choice": lambda x: ops.where(x > 0.1, x, 2 * x) + ops.where(ops.logical_not(x < 0), 0.0, x),
    "comparisons": lambda x: (
        ops.cast(x >= 0, "float32")
        + ops.cast(ops.logical_or(ops.equal(x, 0), (x <= 1) & (x > -1)), "float32") * x
    ),
    "relu": lambda x: ops.relu(x) + ops.relu6(3 * x) + ops.leaky_relu(x, 0.3),
    "sigmoids": lambda x: ops.sigmoid(x) + ops.hard_sigmoid(x) + ops.sparse_sigmoid(x) + ops.log_sigmoid(x),
    "smooth": lambda x: (
        ops.silu(x) + ops.hard_silu(x) + ops.softplus(x) + ops.softsign(x) + ops.squareplus(x)
    ),
    "exponential": lambda x: ops.elu(x, 0.7) + ops.selu(x) + ops.celu(x, 1.5),
    "tanh": lambda x: ops.tanh(x) + ops.tanh_shrink(x) + ops.hard_tanh(x) + ops.sparse_plus(x),
    "shrinking": lambda x: ops.soft_shrink(x, 0.4) + ops.hard_shrink(x, 0.3),
    "gelu": lambda x: ops.gelu(x) + ops.gelu(x, approximate=False),
    "softmax": lambda x: ops.softmax(x) + ops.log_softmax(x, axis=1) + ops.sparsemax(x),
    "glu": lambda x: ops.glu(ops.concatenate([x, x], axis=-1), axis=-1),
    "mean over pixels": lambda x: ops.mean(x, axis=(1, -1)),
    "mean over places": lambda x: ops.mean(x, axis=1),
    "sum": lambda x: ops.sum(x, axis=-1, keepdims=True) * x,
    "extremes": lambda x: ops.max(x, axis=1) - ops.min(x, axis=1),
    "spread": lambda x: ops.var(x, axis=1) + ops.std(x, axis=1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=-1),
    "unit length": lambda x: ops.normalize(x, axis=-1),
    "reshape": lambda x: ops.reshape(x, (-1, x.shape[1] * 2, int(np.prod(x.shape[2:])) // 2)),
    "reshape to pictures": lambda x: ops.reshape(x, (-1, 2, int(np.prod(x.shape[1:])) // 6, 3)),
    "transpose": lambda x: ops.transpose(x, (0, *range(2, len(x.shape)), 1)),
    "swap": lambda x: ops.swapaxes(x, 1, -1),
    "move": lambda x: ops.moveaxis(x, -1, 1),
    "split in equal parts": lambda x: sum_of(ops.split(x, 2, axis=1)),
    "split at places": lambda x: ops.concatenate(ops.split(x, [1, 2], axis=-1)[::-1], axis=-1),
    "split in channels": lambda x: sum_of(ops.split(x, 3, axis=-1)),
    "stack": lambda x: ops.stack([x, 2 * x], axis=1),
    "stack at the end": lambda x: ops.stack([x, 2 * x], axis=-1),
    "unstack": lambda x: sum_of(ops.unstack(x, axis=1)),
    "concatenate": lambda x: ops.concatenate([x, 2 * x], axis=1),
    "first place": lambda x: x[:, 0],
    "last place": lambda x: x[..., -1],
    "slice": lambda x: x[:, 1:3] + x[:, ::2],
    "new axis": lambda x: x[:, None] + ops.expand_dims(x, 1),
    "several new axes": lambda x: ops.expand_dims(x, (1, -1)),
    "squeeze": lambda x: ops.squeeze(ops.expand_dims(x, -2), -2),
    "flip": lambda x: ops.flip(x, axis=1),
    "roll": lambda x: ops.roll(x, 1, axis=1),
    "repeat": lambda x: ops.repeat(x, 2, axis=-1),
    "product": lambda x: ops.matmul(x, ops.swapaxes(x, -1, -2)),
    "product of a mean": lambda x: ops.matmul(ops.softmax(x), ops.swapaxes(x, -1, -2)),
    "einsum": lambda x: ops.einsum("b...c,b...d->b...cd", x, x),
}
"""On one tensor of any rank from 3, with 4 places along its first axis and 3 along its last."""

TWO_RANKS = {
    "sum": lambda x, y: x + y,
    "product": lambda x, y: y * x,
    "maximum": lambda x, y: ops.maximum(x, y),
    "choice": lambda x, y: ops.where(x > 0, y, x),
}


def sum_of(tensors):
    return layers.Add()(list(tensors))


@pytest.mark.parametrize("shape", [(4, 3), (4, 6, 3), (4, 2, 6, 3)], ids=["sequences", "pictures", "volumes"])
@pytest.mark.parametrize("name", OF_ONE)
def test_an_operator_gives_what_keras_gives(name, shape):
    if len(shape) == 2 and name == "reshape":
        shape = (4, 6)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, OF_ONE[name](layers.ReLU(negative_slope=0.5)(inputs)))
    assert_same_as_keras(model, pictures(2, *shape))


@pytest.mark.parametrize("shapes", [((4, 6, 3), (6, 3)), ((4, 6, 3), (3,)), ((5, 3), (4, 5, 3))], ids=str)
@pytest.mark.parametrize("name", TWO_RANKS)
def test_tensors_of_two_ranks_are_aligned_at_the_last_axis_as_in_keras(name, shapes):
    """Batches of one, for the batch axis of one tensor meets another axis of the other."""
    given = [keras.Input(batch_shape=(1, *shape)) for shape in shapes]
    model = keras.Model(given, TWO_RANKS[name](*given))
    assert_same_as_keras(model, [pictures(1, *shape, seed=seed) for seed, shape in enumerate(shapes)])


def test_patches_side_by_side_give_what_keras_gives():
    for size, strides in ((2, None), ((2, 3), (2, 3)), (3, 3)):
        inputs = keras.Input((7, 9, 3))
        model = keras.Model(inputs, ops.image.extract_patches(inputs, size, strides))
        assert_same_as_keras(model, pictures(2, 7, 9, 3))


AS_THEMSELVES = {
    "overlapping patches": (lambda x: ops.image.extract_patches(x, 3, 1), "ExtractPatches"),
    "mean of everything": (lambda x: ops.mean(x), "Mean"),
    "squeeze whatever is one": (lambda x: ops.squeeze(x[:, :1]), "Squeeze"),
    "sorting": (lambda x: ops.sort(x, axis=1), "Sort"),
    "activation with a setting": (lambda x: keras.activations.relu(x, max_value=0.5), "ReLU"),
}


@pytest.mark.parametrize("name", AS_THEMSELVES)
def test_an_operator_without_a_native_form_runs_as_itself(name):
    operate, kind = AS_THEMSELVES[name]
    inputs = keras.Input((4, 5, 3))
    model = keras.Model(inputs, operate(layers.Conv2D(3, 1)(inputs)))
    assert_same_as_keras(model, pictures(2, 4, 5, 3), runs_as_itself=[kind])


def test_arithmetic_on_integers_runs_as_itself_and_moving_them_does_not():
    inputs = keras.Input((3,), dtype="int32")
    numbers = torch.arange(6).reshape(2, 3)
    for operate, kinds in ((lambda x: x / 2, ["TrueDivide"]), (lambda x: x[:, ::2], [])):
        model = keras.Model(inputs, operate(inputs))
        net = lower(model)
        assert [row.kind.replace("TrueDivide", "Divide") for row in net.report() if not row.lowered] == [
            kind.replace("TrueDivide", "Divide") for kind in kinds
        ]
        torch.testing.assert_close(net(numbers), model(numbers))


def test_the_parts_of_a_split_go_their_own_ways():
    """As in a block that convolves one half of the channels and passes the other on."""
    inputs = keras.Input((6, 6, 4))
    kept, changed = ops.split(layers.Conv2D(4, 1)(inputs), 2, axis=-1)
    x = ops.concatenate([kept, layers.Conv2D(2, 3, padding="same", activation="relu")(changed)], axis=-1)
    model = keras.Model(inputs, [layers.ReLU()(kept), layers.GlobalAveragePooling2D()(x)])
    net, images = lower(model), pictures(3, 6, 6, 4)
    assert all(row.lowered for row in net.report())
    for ours, theirs in zip(net(images), model(images), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_operators_compute_in_the_precision_of_the_net():
    """A softmax is float32 in any net; the product after it is not."""
    inputs = keras.Input((5, 4))
    x = layers.Dense(4)(inputs)
    weights = ops.softmax(ops.matmul(x, ops.swapaxes(x, 1, 2)))
    model = keras.Model(inputs, layers.Dense(3)(ops.matmul(weights, x)))
    seen = []
    net, images = lower(model, "bfloat16"), pictures(2, 5, 4)
    with net.observed_by(lambda prefix, call, operation, given, results: seen.append(results[0].dtype)):
        coarse = net(images)
    assert seen == [torch.bfloat16] * 3 + [torch.float32] + [torch.bfloat16] * 2
    torch.testing.assert_close(coarse.float(), model(images), rtol=0.1, atol=0.05)


@pytest.mark.parametrize(
    ("operate", "couples"),
    [
        (lambda x: x[:1, :] + x, True),
        (lambda x: x[:, :1], False),
        (lambda x: ops.mean(x, axis=-3), True),
        (lambda x: ops.mean(x, axis=-2), False),
        (lambda x: ops.softmax(x, axis=0), True),
        (lambda x: ops.reshape(x, (-1, 12)), False),
        (lambda x: ops.reshape(x, (12, -1)), True),
        (lambda x: ops.reshape(x, (-1, 6)), True),
        (lambda x: x + x[:, 0], True),
        (lambda x: ops.matmul(x, ops.swapaxes(x, 1, 2)), False),
        (lambda x: ops.transpose(x, (1, 0, 2)), True),
        (lambda x: ops.split(x, 2, axis=0)[0], True),
    ],
    ids=[
        "first image",
        "first place",
        "mean of images",
        "mean",
        "softmax",
        "flat",
        "mixed",
        "halves",
        "two ranks",
        "product",
        "transposed",
        "split",
    ],
)
def test_an_operator_that_lets_images_of_a_batch_touch_says_so(operate, couples):
    inputs = keras.Input(batch_shape=(4, 4, 3))
    model = keras.Model(inputs, operate(inputs))
    assert any(operation.couples_images for operation in lower(model).operations) == couples


FUNCTIONS = {
    "operator": (ops.silu, "silu"),
    "operator that approximates": (ops.gelu, "gelu_tanh"),
    "partial": (partial(ops.gelu, approximate=False), "gelu"),
    "partial of a partial": (
        partial(partial(keras.activations.gelu, approximate=False), approximate=True),
        "gelu_tanh",
    ),
    "partial that is another activation": (partial(keras.activations.relu, max_value=6), "relu6"),
}
NOT_KNOWN = {
    "partial with a setting": partial(ops.leaky_relu, negative_slope=0.01),
    "partial with two settings": partial(keras.activations.relu, max_value=6, threshold=0.1),
    "operator with another axis": partial(ops.softmax, axis=1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_activation_may_be_a_function_of_keras(name):
    function, known = FUNCTIONS[name]
    model = model_of(layers.Dense(4, activation=function), (5, 6, 3))
    assert lower(model).operations[0].activation == known
    assert_same_as_keras(model, pictures(2, 5, 6, 3))


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if hasattr(ops, name)])
def test_every_operator_that_is_an_activation_may_be_one(name):
    model = model_of(layers.Activation(getattr(ops, name)), (5, 6, 4))
    assert_same_as_keras(model, 3 * pictures(2, 5, 6, 4))


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_an_activation_with_settings_of_its_own_runs_as_itself(name):
    model = model_of(layers.Dense(4, activation=NOT_KNOWN[name]), (5, 6, 3))
    assert_same_as_keras(model, pictures(2, 5, 6, 3), runs_as_itself=["Dense"])


def test_every_operator_with_a_rule_is_in_a_model_above(monkeypatch):
    shape = (4, 6, 3)
    used = {"ExtractPatches"}
    for operate in [
        *OF_ONE.values(),
        lambda x: keras.ops.not_equal(x, 0),
        lambda x: ops.amax(x, 1) + ops.amin(x, 1),
    ]:
        inputs = keras.Input(shape)
        used |= {
            type(call.layer).__name__ for call in lower(keras.Model(inputs, operate(inputs))).graph.calls
        }
    assert (set(OF_NUMBERS) | set(OF_ANYTHING)) - used <= {
        "Divide",
        "TrueDivide",
        "Abs",
        "Absolute",
        "Amax",
        "Amin",
    }
