"""Which arithmetic is described for which layer, and which numbers a page contains.

That the numbers are the network's own is tested in the browser, `tests/browser/test_every_number.py`.
"""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import base64
import zlib

import numpy as np
import pytest
import torch

from tellapart.explanations.arithmetic.layer_arithmetic import Selection
from tellapart.explanations.arithmetic.registry import arithmetic_of
from tellapart.explanations.arithmetic.sampling import LARGEST_WHOLE, MAX_CHANNELS, sampler_for
from tellapart.explanations.recorder import Recorder

layers = keras.layers


def runs_of(*stack, shape=(12, 12, 3)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *stack, layers.GlobalAveragePooling2D(), layers.Dense(2)])
    image = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, *shape)).astype(np.float32))
    with torch.no_grad():
        return Recorder(model, "logits").run(image).layers


def kind_of(layer, shape=(12, 12, 3)):
    return arithmetic_of(runs_of(layer, shape=shape)[0]).kind


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (layers.Conv2D(4, 3), "weighted"),
        (layers.SeparableConv2D(4, 3), "weighted"),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), "weighted"),
        (layers.Dense(4), "weighted"),
        (layers.Conv2DTranspose(4, 3), "weighted"),
        (layers.Conv2DTranspose(4, 3, activation="log_softmax"), "other"),
        (layers.DepthwiseConv2D(3, activation="softmax"), "other"),
        (layers.Resizing(6, 6), "other"),
        (layers.Conv2D(4, 3, activation="softmax"), "weighted"),
        (layers.Conv2D(4, 3, activation="log_softmax"), "other"),
        (layers.MaxPooling2D(2), "pooled"),
        (layers.AveragePooling2D(3, 2, padding="same"), "other"),
        (layers.ReLU(max_value=6), "activated"),
        (layers.PReLU(), "sloped"),
        (layers.PReLU(shared_axes=[1, 2]), "sloped"),
        (layers.Softmax(), "softmax"),
        (layers.Softmax(axis=1), "other"),
        (layers.BatchNormalization(), "normalized"),
        (layers.LayerNormalization(axis=(1, 2)), "other"),
        (layers.RMSNormalization(), "normalized"),
        (layers.UnitNormalization(), "unit"),
        (layers.UnitNormalization(axis=(1, 2)), "unit"),
        (layers.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 9]), "scaled"),
        (layers.ZeroPadding2D(1), "moved"),
        (layers.UpSampling2D(2, interpolation="bilinear"), "other"),
        (layers.UpSampling2D(2), "moved"),
        (layers.SpatialDropout2D(0.3), "off"),
        (layers.GaussianNoise(0.3), "off"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_layer_is_described_as_what_it_is(layer, kind):
    assert kind_of(layer) == kind


@pytest.mark.parametrize(
    ("layer", "ending"),
    [
        (layers.Conv2D(4, 3), "Then it adds the bias."),
        (layers.Conv2D(4, 3, use_bias=False), "adds up the products."),
        (layers.Conv2D(4, 3, activation="relu"), "Then it adds the bias and applies the activation."),
        (layers.Dense(4, use_bias=False, activation="relu"), "Then it applies the activation."),
        (layers.DepthwiseConv2D(3), "Then it adds the bias."),
    ],
)
def test_only_what_a_layer_has_is_described(layer, ending):
    description = arithmetic_of(runs_of(layer)[0]).description
    assert description.endswith(ending)
    assert "below" not in description


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        (lambda x: x / 127.5, "scaled"),
        (lambda x: 1 - x, "scaled"),
        (lambda x: x * np.array([1, 2, 3], np.float32), "scaled"),
        (lambda x: x + np.ones((12, 1, 1), np.float32), "other"),
        (lambda x: 1 / (x + 1), "other"),
        (lambda x: x / (x + 1), "merged"),
        (lambda x: x * x, "merged"),
        (keras.ops.relu, "activated"),
        (lambda x: keras.ops.gelu(x, approximate=True), "activated"),
        (lambda x: keras.ops.leaky_relu(x - 100, 0.3), "activated"),
        (keras.ops.sqrt, "activated"),
        (lambda x: keras.ops.softmax(x, axis=-1), "softmax"),
        (lambda x: keras.ops.softmax(x, axis=1), "other"),
        (lambda x: keras.ops.mean(x, axis=(1, 2), keepdims=True), "pooled"),
        (lambda x: keras.ops.max(x, axis=(1, 2), keepdims=True), "pooled"),
        (lambda x: keras.ops.mean(x, axis=-1, keepdims=True), "other"),
        (lambda x: keras.ops.transpose(x, (0, 2, 1, 3)), "other"),
    ],
)
def test_operators_are_described_as_what_they_are(operator, kind):
    pictures = keras.Input((12, 12, 3))
    model = keras.Model(pictures, layers.Dense(2)(layers.Flatten()(operator(pictures))))
    image = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, 12, 12, 3)).astype(np.float32))
    run = Recorder(model, "logits").run(image).layers[-3]
    assert arithmetic_of(run).kind == kind


def test_an_operator_may_be_the_last():
    pictures = keras.Input((4, 4, 3))
    model = keras.Model(pictures, keras.ops.softmax(layers.Dense(2)(layers.Flatten()(pictures))))
    recording = Recorder(model, "probabilities").run(torch.ones(1, 4, 4, 3))
    torch.testing.assert_close(torch.softmax(recording.logits, -1), recording.output)
    torch.testing.assert_close(recording.logits, recording.layers[-2].output)


@pytest.mark.parametrize(
    ("layer", "shape", "rows"),
    [
        (layers.Conv3D(2, 2), (5, 4, 4, 3), 12),
        (layers.ConvLSTM2D(2, 3, return_sequences=True), (5, 4, 4, 3), 10),
    ],
)
def test_maps_with_more_axes_of_places_are_folded_into_rows(layer, shape, rows):
    model = keras.Sequential([keras.Input(shape), layer, layers.Flatten(), layers.Dense(2)])
    runs = Recorder(model, "logits").run(torch.ones(1, *shape)).layers
    arithmetic = arithmetic_of(runs[0])
    assert arithmetic.kind == "other"
    assert f"shown as {rows} rows" in arithmetic.description
    assert sampler_for(runs).sampled(runs[0], arithmetic)["cells"][0] == rows
    assert arithmetic_of(runs[1]).kind == "moved"


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("strides", "dilation", "more"), [(1, 1, None), (2, 1, None), (3, 1, 1), (1, 2, None)]
)
@pytest.mark.parametrize("size", [2, 3, (4, 1)])
def test_a_transposed_convolution_reads_what_keras_reads(padding, strides, dilation, more, size):
    """The values that reach each place of the output through the kernel add up to it."""
    layer = layers.Conv2DTranspose(
        4, size, strides, padding, dilation_rate=dilation, output_padding=more, use_bias=False
    )
    run = runs_of(layer, shape=(5, 6, 3))[0]
    (reading,), (_, height, width, _) = arithmetic_of(run).readings, run.output.shape
    windows = reading.windows(range(height), range(width), [0])
    output = np.einsum("phwc,hwoc->po", windows, layer.kernel.value.detach().numpy()).reshape(
        height, width, 4
    )
    np.testing.assert_allclose(output, run.output[0], rtol=1e-4, atol=1e-3)


def test_a_users_own_layer_is_not_described_as_its_parent():
    class Doubled(layers.Conv2D):
        def call(self, inputs):
            return 2 * super().call(inputs)

    assert kind_of(Doubled(4, 3)) == "other"


def unpacked(packed):
    """The float32 numbers of a packed array, as `packing.js` reads them."""
    apart = np.frombuffer(zlib.decompress(base64.b64decode(packed["deflated"])), np.uint8)
    return apart.reshape(4, -1).T.copy().view(np.float32).reshape(packed["shape"])


def test_a_separable_convolution_is_one_kernel():
    run = runs_of(layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same"))[0]
    arithmetic = arithmetic_of(run)
    (reading,) = arithmetic.readings
    window = reading.windows([4], [7], [3])[0].astype(np.float64)
    details = arithmetic.details(Selection([4], [7], [3]))
    output = (unpacked(details["kernel"])[0] * window).sum() + unpacked(details["bias"])[0]
    assert output == pytest.approx(float(run.output[0, 4, 7, 3]), rel=1e-4)


def test_small_tensors_are_kept_whole_and_once():
    runs = runs_of(layers.Conv2D(4, 3), layers.Activation("relu"), layers.Dropout(0.5))
    sampler = sampler_for(runs)
    sampled = [sampler.sampled(run, arithmetic_of(run)) for run in runs]
    assert all(layer["rows"] is None for layer in sampled)
    assert sampled[1]["readings"][0]["tensor"] == sampled[0]["output"]
    assert sampled[2]["output"] == sampled[1]["output"]  # dropout is off: the same tensor
    assert len(sampler.tensors.packed) == len({layer["output"] for layer in sampled}) + 1  # and the picture


def test_of_large_tensors_places_and_channels_are_sampled():
    shape = (200, 200, 3)
    assert LARGEST_WHOLE < 200 * 200 * 3
    run = runs_of(layers.Conv2D(80, 5, padding="same"), shape=shape)[0]
    layer = sampler_for([run] * 100).sampled(run, arithmetic_of(run))
    assert layer["output"] is None
    assert 0 < len(layer["channels"]) <= MAX_CHANNELS
    assert max(layer["rows"]) < 200
    assert layer["at"]["shape"] == [len(layer["rows"]) * len(layer["columns"]), len(layer["channels"])]
    assert layer["readings"][0]["windows"]["shape"][1:] == [5, 5, 3]
