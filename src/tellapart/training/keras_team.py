"""`tellapart.fit` in a script that `torchrun` starts: every process runs the script, and they share each batch.

Keras's data adapters give every process the whole batch; each learns from its part, and all get the outputs of the
whole batch, so that metrics and callbacks see on every process what one process would see. Batch statistics are those
of the whole batch, as under `keras.distribution.DataParallel`, which Keras has for JAX but not for torch.
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tellapart.errors import ModelError
from tellapart.keras_internals import is_keras_attribute, only_reads
from tellapart.lowering import LoweredNet
from tellapart.lowering.ops.dropout import RandomOperation
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.runtime.team import Team
from tellapart.training.shares import BatchShare, Sharing
from tellapart.training.step import EvaluateStep, StepResult, TrainStep

WRITERS = ("ModelCheckpoint", "CSVLogger", "TensorBoard", "RemoteMonitor")
"""Callbacks of Keras that only write: the first process has them."""

SHAREABLE = ("sum_over_batch_size", "mean")
"""Reductions of losses that are means over a batch."""


OVER_BATCHES = ("dice", "tversky", "circle")
"""Losses of Keras, in lower case, that compare the pictures of a batch."""


def begin_alike(team: Team) -> None:
    """Set every process's random numbers to the first one's: the order of images and dropout's masks are then its."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    of_torch, of_numpy, of_python = team.told(states)
    torch.set_rng_state(of_torch)
    np.random.set_state(of_numpy)
    random.setstate(of_python)


def heard_by(team: Team, callbacks: Any) -> list[Any]:
    """Return the callbacks of this process: one that does not lead writes nothing."""
    import keras

    given = keras.tree.flatten(callbacks)
    if team.leads:
        return given
    kept = [each for each in given if not _is_one_of(each, WRITERS)]
    for each in kept:
        if _is_one_of(each, ("BackupAndRestore",)):  # it reads what the first process has written
            only_reads(each)
    return kept


def _is_one_of(callback: Any, names: Sequence[str]) -> bool:
    return any(kind.__name__ in names for kind in type(callback).__mro__)


def refuse_unshareable(model: Any, net: LoweredNet) -> None:
    """Raise if parts of a batch would not add up to the whole.

    Raises:
        ModelError: a layer mixes the images of a batch, or a loss is no mean over them.
    """
    import keras

    if net.graph is None or not is_keras_attribute(model, "compute_loss"):
        raise ModelError(
            f"{type(model).__name__} computes its outputs or its loss in code of its own, which may mix the pictures "
            "of a batch. Train it with one process, or build it of layers (keras.Model(inputs, outputs))."
        )
    for call in net.graph.calls:
        operation = net.operation_of(call)
        if operation is None:
            raise ModelError(
                f"The layer {call.layer.name} runs as Keras's own code, which may mix the pictures of a batch. Train "
                "with one process."
            )
        for part in operation.modules():
            mixes = getattr(part, "couples_images", False)
            if mixes and not isinstance(part, BatchNormalization | RandomOperation):
                raise ModelError(
                    f"The layer {call.layer.name} mixes the pictures of a batch, so processes cannot share one. Train "
                    "with one process."
                )
    for loss in keras.tree.flatten(model.loss):
        reduction = getattr(loss, "reduction", SHAREABLE[0])
        name = (loss if isinstance(loss, str) else type(loss).__name__).lower()
        if name in OVER_BATCHES or getattr(loss, "ignore_class", None) is not None:
            raise ModelError(
                f"The loss {name} is no mean over the pictures of a batch. Train with one process."
            )
        if reduction not in SHAREABLE:
            raise ModelError(
                f"The loss has the reduction {reduction!r}. Processes can share a batch where the loss is its mean: "
                f"compile with reduction={SHAREABLE[0]!r}, or train with one process."
            )


def learn_together(
    team: Team, step: TrainStep | EvaluateStep, inputs: Any, targets: Any, weight: Any
) -> StepResult:
    """Learn from this process's part of a batch, or score it.

    Args:
        team: all of whose processes call this.
        step: of each.
        inputs: of the whole batch.
        targets: of the whole batch.
        weight: (B,) of the whole batch, or None.

    Returns:
        Loss and output of the whole batch.
    """
    import keras

    images = next(tensor for tensor in keras.tree.flatten(inputs) if tensor is not None).shape[0]
    share = Sharing(team).share(images)
    assert share is not None

    def own(tree: Any) -> Any:
        return keras.tree.map_structure(lambda tensor: tensor[share.rows], tree)

    own_weight = None if weight is None else own(weight)
    if isinstance(step, TrainStep):
        result = step(own(inputs), own(targets), own_weight, share=share)
        return StepResult(result.loss, _of_all(team, share, result.output))
    with torch.no_grad():
        output = _of_all(team, share, step.net(own(inputs), training=False))
        return StepResult(step.loss(inputs, targets, output, weight), output)


def _of_all(team: Team, share: BatchShare, outputs: Any) -> Any:
    """Return the outputs for the whole batch."""
    import keras

    if share.count == share.images:
        return outputs
    return keras.tree.map_structure(
        lambda output: team.gathered_rows(output.detach().contiguous(), share.counts), outputs
    )
