"""The network below a fitted head, ready to be fine-tuned: its upper stages trainable, each at a rate of its own."""

from typing import Any

import torch

from tellapart.data.sampler import BatchSampler
from tellapart.keras_backend import import_keras
from tellapart.lowering import LoweredNet
from tellapart.models.stages import rate_factors, train_stages
from tellapart.recipes.build import build_loss, build_optimizer
from tellapart.recipes.transfer_settings import FineTuning
from tellapart.runs.setup import TrainingSetup
from tellapart.training.loader import DataLoader
from tellapart.training.optim.native import NativeOptimizer
from tellapart.training.shares import Sharing
from tellapart.training.step import TrainStep


def copied(model: Any) -> Any:
    """Return a Keras model with weights of its own, equal to a model's."""
    copy = import_keras().models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def batches_to_tune(setup: TrainingSetup, settings: FineTuning) -> BatchSampler:
    """Return which training images each step gets."""
    return BatchSampler(n=len(setup.stores["train"]), batch_size=settings.batch_size, seed=setup.config.seed)


def network_to_tune(model: Any, settings: FineTuning, steps_per_epoch: int) -> Any:
    """Return a compiled copy of a network with a head, its last stages trainable."""
    model = copied(model)
    train_stages(model, settings.stages)
    optimizer = build_optimizer(settings.optimizer, settings.epochs * steps_per_epoch)
    model.compile(optimizer=optimizer, loss=build_loss(settings.label_smoothing))
    optimizer.build(model.trainable_variables)
    return model


def step_to_tune(setup: TrainingSetup, net: LoweredNet, model: Any, settings: FineTuning) -> TrainStep:
    """Return what learns from a batch."""
    factors = rate_factors(model, settings.stage_factor)
    optimizer = NativeOptimizer(model.optimizer, model.trainable_variables, factors)
    weights = setup.config.class_weight
    of_class = None if weights is None else weights.of(setup.dataset.class_names).tolist()
    return TrainStep(net, optimizer, class_weight=of_class, team=setup.team)


def loader_to_tune(
    setup: TrainingSetup, settings: FineTuning, batches: BatchSampler, device: torch.device
) -> DataLoader:
    """Return what loads a batch, or this process's share of it."""
    train, classes = setup.stores["train"], len(setup.dataset.class_names)
    return DataLoader(train, classes, batches, settings.augmentation, device, sharing=Sharing(setup.team))
