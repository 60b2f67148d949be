"""Influence is the product of gradients that torch finds, and predicts what a step of learning does."""

import numpy as np
import pytest
import torch

from tellapart.explain.influence import Checkpoint, influence

FEATURES, CLASSES, COUNT = 6, 4, 10


@pytest.fixture
def case():
    random = torch.Generator().manual_seed(0)
    kernel = torch.randn(FEATURES, CLASSES, generator=random)
    known = torch.rand(COUNT, FEATURES, generator=random)
    asked = torch.rand(FEATURES, generator=random)
    return kernel, known, asked, np.arange(COUNT) % CLASSES


def checkpoint(kernel, known, asked, rate=0.1):
    return Checkpoint(
        rate,
        known.numpy(),
        (known @ kernel).softmax(-1).numpy(),
        asked.numpy(),
        (asked @ kernel).softmax(-1).numpy(),
    )


def gradient(kernel, features, label):
    kernel = kernel.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy((features @ kernel)[None], torch.tensor([label]))
    return torch.autograd.grad(loss, kernel)[0]


def test_it_is_the_product_of_the_kernels_gradients(case):
    kernel, known, asked, labels = case
    found = influence([checkpoint(kernel, known, asked)], labels, answer=2)
    wanted = gradient(kernel, asked, 2)
    expected = [
        0.1 * float((gradient(kernel, one, int(label)) * wanted).sum())
        for one, label in zip(known, labels, strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_it_is_what_a_small_step_of_learning_does_to_the_loss(case):
    kernel, known, asked, labels = case
    found = influence([checkpoint(kernel, known, asked, rate=1e-3)], labels, answer=1)

    def loss(kernel):
        logits = (asked.double() @ kernel)[None]
        return float(torch.nn.functional.cross_entropy(logits, torch.tensor([1])))

    before = loss(kernel.double())
    for index in range(COUNT):
        step = 1e-3 * gradient(kernel, known[index], int(labels[index])).double()
        assert before - loss(kernel.double() - step) == pytest.approx(found[index], rel=0.02, abs=1e-7)


def test_checkpoints_add_up(case):
    kernel, known, asked, labels = case
    one, other = checkpoint(kernel, known, asked), checkpoint(2 * kernel, known, asked, rate=0.3)
    both = influence([one, other], labels, 0)
    np.testing.assert_allclose(both, influence([one], labels, 0) + influence([other], labels, 0))


def test_a_picture_of_the_same_class_with_the_same_features_speaks_for_it_and_one_of_another_class_against():
    features = np.ones((2, FEATURES), np.float32)
    even = np.full((2, CLASSES), 1 / CLASSES, np.float32)
    same, other = influence([Checkpoint(0.1, features, even, features[0], even[0])], np.array([0, 1]), 0)
    assert same > 0 > other
