"""FLOPs are those of torch's own counter, and the cost is the same whether or not Keras read the network."""

import tellapart.api

import keras  # isort: skip
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import tellapart
from tellapart.explanations.cost import FlopCounter, cost_of
from tellapart.explanations.recorder import Recorder

layers = keras.layers


def many_products():
    pictures = keras.Input((16, 16, 3))
    x = layers.Conv2DTranspose(4, 3, strides=2)(layers.SeparableConv2D(8, 3)(pictures))
    x = layers.Conv2D(4, 3, groups=2, dilation_rate=2)(x)
    x = layers.Reshape((-1, 5))(layers.EinsumDense("abcd,de->abce", output_shape=(None, None, 5))(x))
    x = layers.Conv1D(3, 2)(layers.Dot(axes=(1, 1))([x, x]))
    return keras.Model(pictures, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(x)))


def mobilenet():
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


@pytest.mark.parametrize("build", [many_products, mobilenet])
def test_flops_are_those_of_torchs_counter(build):
    recorder = Recorder(build(), "probabilities")
    image = torch.zeros(1, *recorder.net.model.input_shape[1:])
    with torch.no_grad(), FlopCounterMode(display=False) as theirs:
        recorder.net(image)
    with torch.no_grad(), FlopCounter() as ours:
        recorder.net(image)
    assert ours.flops == theirs.get_total_flops() > 10_000


def test_attention_counts_its_two_products():
    tokens, width = layers.Input((10, 8)), 8
    x = layers.MultiHeadAttention(2, 4)(tokens, tokens)
    model = keras.Model(tokens, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    recorder = Recorder(model, "logits")
    with torch.no_grad(), FlopCounter() as counter:
        recorder.net(torch.zeros(1, 10, 8))
    projections, products = 4 * 2 * 10 * width * width, 2 * 2 * 10 * 10 * width
    assert counter.flops == projections + products + 2 * width * 3


def test_the_cost_is_the_same_without_keras(tmp_path):
    file = tmp_path / "net.keras"
    tellapart.load("cifar10").save(file)
    classifier, image = tellapart.load(file), torch.zeros(32, 32, 3)
    stored = Recorder.of_stored(classifier.net.net, classifier.net.head, lambda: classifier.model)
    assert cost_of(stored, image) == cost_of(Recorder(classifier.model, classifier.net.head), image)
