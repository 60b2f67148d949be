"""Recorded steps: on a GPU the results of unrecorded ones, random numbers and learning rates included."""

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from tellapart.data.augmentation.policies.registry import POLICIES
from tellapart.data.augmentation.spec import Augmented, read_spec
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.recipes.build import build_model, build_step
from tellapart.recipes.recipes import first_cnn, quick
from tellapart.runtime.cuda_graph import PLAIN_CALLS, CudaGraphed
from tellapart.training.loader import DataLoader

import_keras()
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

CONFIGS = {
    "RMSprop": first_cnn(),
    "Adam": quick(),
    "SGD": quick().changed(
        optimizer=dataclasses.replace(quick().optimizer, name="SGD", momentum=0.9, weight_decay=1e-3)
    ),
    "bends and policies": first_cnn().changed(
        augmentation=read_spec(
            f"rotation_range=20,brightness_range=0.7:1.3,{','.join(POLICIES)}", Augmented(None)
        ).each
    ),
    "alternating": first_cnn().changed(
        augmentation=dataclasses.replace(first_cnn().augmentation, alternating_flip=True)
    ),
    "bfloat16": quick().changed(precision="bfloat16"),
}


def trained(config, steps, monkeypatch, *, plainly):
    """Losses, and the weights at the end, of a training on seeded noise."""
    images = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3), np.uint8)
    store = ImageStore(images, np.arange(200) % 4, tuple(map(str, range(200))))
    if plainly:
        monkeypatch.setattr("tellapart.runtime.cuda_graph.PLAIN_CALLS", 10**9)
    model = build_model(config, (16, 16, 3), 4, steps, images)
    net = lower(model, "bfloat16" if config.precision == "bfloat16" else "float32")
    step = build_step(config, net, steps)
    loader = DataLoader(store, 4, BatchSampler(n=200, batch_size=32, seed=0), config.augmentation, net.device)
    losses = [float(step(*loader.batch(at // 7, at % 7)).loss) for at in range(steps)]
    return step, losses, [np.asarray(weight) for weight in model.get_weights()], model.optimizer


@gpu
@pytest.mark.parametrize("name", CONFIGS)
def test_recorded_training_is_the_plain_one(name, monkeypatch):
    """45 steps over seven batches an epoch, the last of them smaller: two recordings."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        step, losses, weights, optimizer = trained(CONFIGS[name], 45, monkeypatch, plainly=False)
        assert len(step.recorded._recordings) == 2
        _, plain_losses, plain_weights, plain_optimizer = trained(
            CONFIGS[name], 45, monkeypatch, plainly=True
        )
    np.testing.assert_allclose(losses, plain_losses, rtol=2e-2 if name == "bfloat16" else 1e-3)
    assert int(optimizer.iterations) == int(plain_optimizer.iterations) == 45
    for weight, expected in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(weight, expected, atol=2e-2 if name == "bfloat16" else 2e-3)


@gpu
def test_each_replay_draws_anew_and_a_seed_brings_the_same_again():
    def noise(x):
        return (x + torch.rand_like(x),)

    recorded, zeros = CudaGraphed(noise), torch.zeros(5, device="cuda")
    for _ in range(PLAIN_CALLS):
        recorded(zeros)
    first, second = recorded(zeros)[0], recorded(zeros)[0]
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    third = recorded(zeros)[0]
    torch.manual_seed(3)
    assert torch.equal(recorded(zeros)[0], third)


@gpu
def test_what_cannot_be_recorded_runs_unrecorded_and_warns_once():
    recorded, ones = CudaGraphed(lambda x: (x * float(x.sum()),)), torch.ones(3, device="cuda")
    for _ in range(PLAIN_CALLS):
        recorded(ones)
    with pytest.warns(UserWarning, match="could not be recorded"):
        torch.testing.assert_close(recorded(ones)[0], 3 * ones)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(recorded(ones)[0], 3 * ones)
    first, second = torch.rand(9, device="cuda"), torch.rand(9, device="cuda")
    assert not torch.equal(first, second), "the generator still draws"


def test_the_first_calls_of_a_shape_are_not_recorded():
    shapes = []

    def double(x):
        shapes.append(tuple(x.shape))
        return (2 * x,)

    recorded = CudaGraphed(double)
    for size in [3, 4] * PLAIN_CALLS:
        torch.testing.assert_close(recorded(torch.ones(size))[0], torch.full((size,), 2.0))
    assert shapes == [(3,), (4,)] * PLAIN_CALLS
