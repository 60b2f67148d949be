"""Influence is the product of torch's own gradients, and predicts the effect of a training step."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
import torch

from tellapart.errors import ModelError
from tellapart.explanations.examples.influence import Checkpoint, error_gain, errors_of, influence
from tellapart.explanations.recorder import Recorder

FEATURES, CLASSES, COUNT = 6, 4, 10


@pytest.fixture
def case():
    random = torch.Generator().manual_seed(0)
    kernel = torch.randn(FEATURES, CLASSES, generator=random)
    train = torch.rand(COUNT, FEATURES, generator=random)
    query = torch.rand(FEATURES, generator=random)
    return kernel, train, query, LABELS


LABELS = np.arange(COUNT) % CLASSES


def checkpoint(kernel, train, query, rate=0.1):
    return Checkpoint(
        rate,
        train.numpy(),
        errors_of((train @ kernel).softmax(-1).numpy(), LABELS),
        query.numpy(),
        (query @ kernel).softmax(-1).numpy(),
    )


def gradient(kernel, features, label):
    kernel = kernel.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy((features @ kernel)[None], torch.tensor([label]))
    return torch.autograd.grad(loss, kernel)[0]


def test_it_is_the_product_of_the_kernels_gradients(case):
    kernel, train, query, labels = case
    values = influence([checkpoint(kernel, train, query)], class_index=2)
    wanted = gradient(kernel, query, 2)
    expected = [
        0.1 * float((gradient(kernel, each, int(label)) * wanted).sum())
        for each, label in zip(train, labels, strict=True)
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6)


def test_it_is_the_effect_of_a_small_training_step_on_the_loss(case):
    kernel, train, query, labels = case
    values = influence([checkpoint(kernel, train, query, rate=1e-3)], class_index=1)

    def loss(kernel):
        logits = (query.double() @ kernel)[None]
        return float(torch.nn.functional.cross_entropy(logits, torch.tensor([1])))

    before = loss(kernel.double())
    for index in range(COUNT):
        step = 1e-3 * gradient(kernel, train[index], int(labels[index])).double()
        assert before - loss(kernel.double() - step) == pytest.approx(values[index], rel=0.02, abs=1e-7)


def test_checkpoints_add_up(case):
    kernel, train, query, _ = case
    first, second = checkpoint(kernel, train, query), checkpoint(2 * kernel, train, query, rate=0.3)
    both = influence([first, second], 0)
    np.testing.assert_allclose(both, influence([first], 0) + influence([second], 0))


def test_with_the_same_features_the_same_class_supports_and_another_class_opposes():
    features = np.ones((2, FEATURES), np.float32)
    even = np.full((2, CLASSES), 1 / CLASSES, np.float32)
    errors = errors_of(even, np.array([0, 1]))
    same, other = influence([Checkpoint(0.1, features, errors, features[0], even[0])], 0)
    assert same > 0 > other


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_errors_are_the_gradient_of_the_loss(smoothing):
    logits = torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(LABELS), reduction="sum", label_smoothing=smoothing
    )
    (expected,) = torch.autograd.grad(loss, logits)
    errors = errors_of(logits.detach().softmax(-1).numpy(), LABELS, smoothing)
    np.testing.assert_allclose(errors, expected.numpy(), atol=1e-6)


def recording_of(*last):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), *last])
    head = "one probability" if model.output_shape[1] == 1 else "probabilities"
    return Recorder(model, head).run(torch.rand(1, 4, 4, 1).requires_grad_())


@pytest.mark.parametrize(
    ("last", "gain"),
    [
        (lambda layers: [layers.Dense(3, "softmax")], 1),
        (lambda layers: [layers.Dense(3), layers.Rescaling(0.25), layers.Softmax()], 1 / 16),
        (
            lambda layers: [layers.Dense(1, "sigmoid")],
            0.5,
        ),  # (-z/2, z/2): half of what two outputs would count
    ],
)
def test_a_scaling_between_the_last_layer_and_the_softmax_counts(last, gain):
    assert error_gain(recording_of(*last(keras.layers))) == pytest.approx(gain, rel=1e-5)


def test_more_than_a_scaling_in_between_has_no_closed_form():
    layers = keras.layers
    with pytest.raises(ModelError, match="more than a scaling"):
        error_gain(recording_of(layers.Dense(3), layers.Activation("tanh"), layers.Softmax()))
