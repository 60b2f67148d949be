"""Summary: what a network is made of and what one picture costs it.

FLOPs are those of a forward pass over one picture, counted by torch while the
lowered net runs: 2 for each multiply-add, in products and convolutions; what
costs little beside them (activations, pooling) counts as nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from tellapart.classifier.card import ModelCard
from tellapart.classifier.model_file import load_keras, read_card
from tellapart.classifier.resolve import model_meant, model_path
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError, ModelError
from tellapart.lowering import LoweredNet, lower
from tellapart.lowering.graph import Call
from tellapart.recipes.build import build_model
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.measured import MEASURED, Measured
from tellapart.recipes.recipes import RECIPES


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer."""

    name: str
    """A nested model's layers are named `outer/inner`."""

    kind: str
    output_shape: tuple[int | None, ...]
    """Without the batch."""

    parameters: int
    flops: int | None
    """Over all its calls; None where only the model's own code knows when the layer runs."""

    lowered: bool
    """Whether it runs as a torch operation; else it runs as itself."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A network."""

    name: str
    input_shape: tuple[int, int, int]
    """(H, W, C)."""

    layers: tuple[LayerSummary, ...]
    parameters: int
    trainable_parameters: int
    flops: int
    """Of one picture, forward."""

    bytes: int
    """Of the weights, as stored."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """What a recipe's whole training takes."""

    pictures: int
    """Of an epoch."""

    epochs: int
    flops: int
    """Three times those of the pictures forward: backward computes the inputs' and the kernels' gradients."""


@dataclass(frozen=True, slots=True)
class Description:
    """A network with what is known about it besides its layers."""

    summary: Summary
    facts: dict[str, dict[str, Any]]
    """By heading: a recipe's settings, or a model's classes, pixel path and origin."""

    training: TrainingCost | None = None
    """Of a recipe."""

    measured: Measured | None = None
    """Of a recipe that somebody measured."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        known = {"training": self.training, "measured": self.measured}
        told = {name: asdict(value) for name, value in known.items() if value is not None}
        return {**self.summary.to_dict(), **told, **self.facts}


RECIPE_SHAPE, RECIPE_CLASSES, RECIPE_PICTURES = (32, 32, 3), 10, 50_000
"""What a recipe is described for, unless somebody says otherwise: the tutorial's pictures."""


def describe(
    what: str,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    classes: int | None = None,
) -> Description:
    """Describe a recipe's network, or a saved model.

    Args:
        what: a recipe's name, or the path of a run folder or model file.
        size: height and width of a recipe's pictures.
        channels: of a recipe's pictures.
        classes: that a recipe's network tells apart.

    Raises:
        ConfigError: sizes given for a saved model, which has its own; or out of range.
        ModelError: no such model.
    """
    if what in RECIPES:
        height, width = RECIPE_SHAPE[:2] if size is None else size
        channels = RECIPE_SHAPE[2] if channels is None else channels
        classes = RECIPE_CLASSES if classes is None else classes
        if classes < 2:
            raise ConfigError(f"A network tells at least 2 classes apart; got {classes}.")
        shape = Preprocessing(height=height, width=width, channels=channels).shape
        run = RECIPES[what]()
        model = build_model(run, shape, classes, steps_per_epoch=1)
        summary = summarize(model)
        return Description(summary, {"recipe": run.to_dict()}, _cost(run, summary.flops), MEASURED.get(what))
    if (size, channels, classes) != (None, None, None):
        raise ConfigError("A saved model has its own size, channels and classes; say them only for a recipe.")
    path = model_path(model_meant(what))
    if not path.exists() and what == path.name:
        raise ModelError(
            f"{what!r} is neither a recipe ({', '.join(RECIPES)}) nor a model file or run folder."
        )
    card = read_card(path)
    summary = summarize(load_keras(path))
    return Description(summary, {} if card is None else {"card": _card_facts(card)})


def _cost(run: TrainConfig, flops: int) -> TrainingCost:
    """Of a training on RECIPE_PICTURES, some of which it may hold out."""
    held_out = run.validation_share if run.validation == "held out" else 0.0
    pictures = round(RECIPE_PICTURES * (1 - held_out))
    return TrainingCost(pictures, run.epochs, 3 * flops * pictures * run.epochs)


def _card_facts(card: ModelCard) -> dict[str, Any]:
    return {
        "classes": list(card.class_names),
        "pictures": card.preprocessing.to_dict(),
        "origin": dict(card.origin),
    }


def summarize(model: Any) -> Summary:
    """Run a Keras model once, on one black picture, and describe it.

    Args:
        model: built, with one input of a fixed size.
    """
    shape = _picture_shape(model)
    net = lower(model, "float32")
    picture = torch.zeros(1, *shape, device=model.weights[0].value.device if model.weights else None)
    flops = _flops_by_layer(net, picture)
    return Summary(
        name=model.name,
        input_shape=shape,
        layers=tuple(_layers(net, flops)),
        parameters=_size(model.weights),
        trainable_parameters=_size(model.trainable_weights),
        flops=flops.total(),
        bytes=sum(weight.value.nbytes for weight in model.weights),
    )


OUTSIDE_LAYERS = ""
"""Key of the FLOPs of a model whose own code alone knows when its layers run."""


def _flops_by_layer(net: LoweredNet, picture: torch.Tensor) -> Counter[str]:
    """Count the FLOPs of each layer, by its path of names, in one run over `picture`."""
    flops: Counter[str] = Counter()

    def observer(prefix: str, call: Call, *_: Any) -> None:
        flops[prefix + call.layer.name] += counter.get_total_flops() - flops.total()

    with torch.no_grad(), FlopCounterMode(display=False) as counter, net.observed_by(observer):
        net(picture)
        flops[OUTSIDE_LAYERS] += counter.get_total_flops() - flops.total()
    return flops


def inner_net(operation: Any) -> LoweredNet | None:
    """The net of a whole model used as a layer."""
    inner = getattr(operation, "net", None)
    return inner if isinstance(inner, LoweredNet) else None


def _layers(net: LoweredNet, flops: Counter[str], prefix: str = "") -> Iterator[LayerSummary]:
    """A row for each layer, at its first call."""
    if net.graph is None:
        for layer in net.model.layers:
            output = getattr(layer, "output", None)
            yield _row(layer, layer.name, () if output is None else tuple(output.shape[1:]), None, False)
        return
    seen: set[str] = set()
    for call in net.graph.calls:
        operation, name = net.operation_of(call), prefix + call.layer.name
        if name in seen:
            continue
        seen.add(name)
        inner = inner_net(operation)
        if inner is not None:
            yield from _layers(inner, flops, f"{name}/")
        else:
            shape = tuple(call.node.outputs[0].shape[1:])
            yield _row(call.layer, name, shape, flops[name], operation is not None)


def _row(
    layer: Any, name: str, shape: tuple[int | None, ...], flops: int | None, lowered: bool
) -> LayerSummary:
    return LayerSummary(
        name, type(layer).__name__, shape, _size(getattr(layer, "weights", [])), flops, lowered
    )


def _size(weights: list[Any]) -> int:
    return sum(weight.value.numel() for weight in weights)


def _picture_shape(model: Any) -> tuple[int, int, int]:
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ModelError(
            f"The model {model.name!r} takes {shape}; a summary needs one picture of a fixed size, "
            "(batch, height, width, channels)."
        )
    return shape[1], shape[2], shape[3]
