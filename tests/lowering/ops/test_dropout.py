"""Layers with chance: identity in inference; in training the distribution of Keras's noise, not its numbers."""

import pytest
import torch
from against_keras import model_of, pictures

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.microbatch import MicroBatch, enter_micro_batch

keras = import_keras()
layers = keras.layers

from keras.src.applications.convnext import StochasticDepth  # noqa: E402  (Keras needs its backend chosen first)

NOISES = {
    "dropout": (lambda: layers.Dropout(0.3), (40, 40, 4), ()),
    "dropout of whole pictures": (
        lambda: layers.Dropout(0.3, noise_shape=(None, 1, 1, 1)),
        (2, 3, 4),
        (1, 2, 3),
    ),
    "dropout of rows": (lambda: layers.Dropout(0.3, noise_shape=(None, None, 1, 1)), (40, 3, 4), (2, 3)),
    "dropout of steps": (lambda: layers.Dropout(0.3, noise_shape=(None, None, 1)), (60, 4), (2,)),
    "dropout of channels": (lambda: layers.SpatialDropout2D(0.3), (3, 2, 60), (1, 2)),
    "dropout of a sequence's channels": (lambda: layers.SpatialDropout1D(0.3), (3, 60), (1,)),
    "stochastic depth": (lambda: StochasticDepth(0.3), (2, 3, 4), (1, 2, 3)),
    "gaussian noise": (lambda: layers.GaussianNoise(0.3), (40, 40, 4), ()),
    "gaussian dropout": (lambda: layers.GaussianDropout(0.3), (40, 40, 4), ()),
    "alpha dropout": (lambda: layers.AlphaDropout(0.3), (40, 40, 4), ()),
    "alpha dropout of rows": (
        lambda: layers.AlphaDropout(0.3, noise_shape=(None, None, 1, 1)),
        (40, 3, 4),
        (2, 3),
    ),
}
"""The layer, its input's shape, and the axes along which its noise is the same."""


def model_and_net(name):
    factory, shape, _ = NOISES[name]
    model = model_of(factory(), shape)
    net = lower(model)
    assert [row for row in net.report() if not row.lowered] == []
    return model, net, shape


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_absent_in_inference(name):
    _, net, shape = model_and_net(name)
    images = pictures(3, *shape)
    torch.testing.assert_close(net(images), images, rtol=0, atol=0)


@pytest.mark.parametrize("name", NOISES)
def test_noise_has_the_distribution_of_keras_s(name):
    """Of 3 (what is kept or moved) and its square; with a thousand draws or more, to a few per cent."""
    model, net, shape = model_and_net(name)
    threes = torch.full((400, *shape), 3.0)
    torch.manual_seed(0)
    ours, theirs = (run(threes, training=True).double() for run in (net, model))
    assert ours.mean() == pytest.approx(float(theirs.mean()), rel=0.1)
    assert ours.std() == pytest.approx(float(theirs.std()), rel=0.1)
    if "dropout of" in name or name in ("dropout", "alpha dropout", "stochastic depth"):
        kinds = zip(ours.unique(), theirs.unique(), strict=True)  # the same two values in each
        assert all(float(a) == pytest.approx(float(b), rel=1e-5, abs=1e-6) for a, b in kinds)


@pytest.mark.parametrize("name", NOISES)
def test_noise_differs_exactly_where_keras_s_does(name):
    _, net, shape = model_and_net(name)
    noisy = net(torch.full((50, *shape), 3.0), training=True)
    for axis in range(4 if len(shape) == 3 else 3):
        same = (noisy == noisy.narrow(axis, 0, 1)).all()
        assert bool(same) == (axis in NOISES[name][2])


@pytest.mark.parametrize("name", NOISES)
def test_noise_in_a_part_of_a_batch_comes_from_that_part_alone(name):
    _, net, shape = model_and_net(name)

    def drawn(seed):
        with enter_micro_batch(MicroBatch(share=0.5, generator=torch.Generator().manual_seed(seed))):
            return net(torch.full((50, *shape), 3.0), training=True)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_attention_in_a_part_of_a_batch_drops_by_that_part_alone():
    inputs = keras.Input((6, 8))
    net = lower(keras.Model(inputs, layers.MultiHeadAttention(2, 4, dropout=0.5)(inputs, inputs)))

    def drawn(seed):
        with enter_micro_batch(MicroBatch(share=0.5, generator=torch.Generator().manual_seed(seed))):
            return net(pictures(4, 6, 8), training=True)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_attention_drops_as_keras_does_on_the_average():
    inputs = keras.Input((6, 8))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 4, dropout=0.5)(inputs, inputs))
    net, sequences = lower(model), pictures(1, 6, 8).repeat(4000, 1, 1)
    torch.manual_seed(0)
    ours, theirs = net(sequences, training=True), model(sequences, training=True)
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), rtol=0, atol=0.05)
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.1, atol=0.01)


def test_what_dropping_everything_means_is_left_to_keras():
    for layer in (layers.GaussianDropout(1.0), layers.AlphaDropout(1.0)):
        assert not lower(model_of(layer, (4,))).report()[0].lowered
