"""Summary: what a network is made of, and what one image costs it.

FLOPs are those of a forward pass over one image, counted by torch while the lowered net runs: 2 for each
multiply-add of matrix products and convolutions. Activations and pooling count as 0.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from tellapart.classifier.card import ModelCard
from tellapart.classifier.model_file import load_keras, read_card, unusable_is_model_error
from tellapart.classifier.plain.open_plain import open_plain
from tellapart.classifier.plain.said import Said
from tellapart.classifier.resolve import model_file
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError, ModelError, TellapartError
from tellapart.lowering import LoweredNet, lower
from tellapart.lowering.graph import Call
from tellapart.models.networks import NETWORKS
from tellapart.pages.card import Card, Facts, Readable, Table
from tellapart.recipes.build import build_model
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.measured import MEASURED, Measured
from tellapart.recipes.recipes import RECIPES
from tellapart.text import counted, short_name


@dataclass(frozen=True, slots=True)
class LayerSummary(Readable):
    """One layer of a network."""

    name: str
    """A nested model's layers are named `outer/inner`."""

    kind: str
    output_shape: tuple[int | None, ...]
    """Without the batch dimension."""

    parameters: int
    flops: int | None
    """Over all calls; None where only the model's own code decides when the layer runs."""

    lowered: bool
    """Whether it is on the fast path, a torch operation; otherwise Keras runs it."""


@dataclass(frozen=True, slots=True)
class Summary(Readable):
    """A network, layer by layer."""

    name: str
    input_shape: tuple[int, int, int]
    """(H, W, C)."""

    layers: tuple[LayerSummary, ...]
    parameters: int
    trainable_parameters: int
    flops: int
    """FLOPs of a forward pass over one image."""

    bytes: int
    """Size of the weights as stored."""

    def _parts(self) -> list[str]:
        size = "×".join(map(str, self.input_shape))
        return [
            short_name(self.name),
            f"{counted(self.parameters, 'parameter')} in {counted(len(self.layers), 'layer')}",
            f"{self.flops / 1e9:.3g} GFLOPs for a picture of {size}",
        ]

    def _card(self) -> Card:
        rows = [
            (each.name, each.kind, each.output_shape, each.parameters, each.flops, each.lowered)
            for each in self.layers
        ]
        layers = Table(("layer", "kind", "output", "parameters", "FLOPs", "fast path"), rows)
        size = Facts(
            [("weights", f"{self.bytes / 1e6:.1f} MB"), ("trainable parameters", self.trainable_parameters)]
        )
        return Card("Summary", ", ".join(self._parts()), [size, layers])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TrainingCost(Readable):
    """Arithmetic of a recipe's whole training."""

    pictures: int
    """Images trained on in an epoch."""

    epochs: int
    flops: int
    """Three forward passes per image: backward computes the gradients of inputs and of kernels."""


@dataclass(frozen=True, slots=True)
class Description(Readable):
    """A network's summary with its settings, its training cost and its measured accuracy."""

    summary: Summary
    facts: dict[str, dict[str, Any]]
    """Heading -> a recipe's settings, or a model's classes, preprocessing and origin."""

    training: TrainingCost | None = None
    """None for a saved model."""

    measured: Measured | None = None
    """None where the recipe was not measured, and for a saved model."""

    def _parts(self) -> list[str]:
        return self.summary._parts()

    def _card(self) -> Card:
        facts = [Facts(values.items()) for values in self.facts.values()]
        return Card("Description", ", ".join(self._parts()), [*self.summary._card().blocks, *facts])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        optional = {"training": self.training, "measured": self.measured}
        available = {name: asdict(value) for name, value in optional.items() if value is not None}
        return {**self.summary.to_dict(), **available, **self.facts}


RECIPE_SHAPE, RECIPE_CLASSES, RECIPE_IMAGES = (32, 32, 3), 10, 50_000
"""Default image shape, classes and training images that a recipe is described for: those of CIFAR-10."""


def describe(
    model: str | Path,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    classes: int | None = None,
) -> Description:
    """Describe a recipe's network or a saved model.

    Args:
        model: a recipe's name, or the path of a run folder or model file.
        size: height and width of a recipe's images.
        channels: of a recipe's images.
        classes: how many a recipe's network has.

    Raises:
        ConfigError: size, channels or classes out of range, or given for a saved model, which has its own.
        ModelError: there is no such model.
    """
    if isinstance(model, str) and model in RECIPES:
        return _describe_recipe(model, size, channels, classes)
    if (size, channels, classes) != (None, None, None):
        raise ConfigError(
            f"{model} is a saved model, which has its own size, channels and classes. Set them only for a recipe: "
            f"{', '.join(RECIPES)}."
        )
    path = model_file(model)
    if not path.exists() and str(model) == path.name:
        raise ModelError(
            f"{str(model)!r} is neither a recipe ({', '.join(RECIPES)}) nor a model file or run folder."
        )
    with unusable_is_model_error(path):
        model, card = load_keras(path), read_card(path)
        return (
            _with_usage(describe_model(model, card), model, path)
            if card is None
            else describe_model(model, card)
        )


def describe_model(model: Any, card: ModelCard | None) -> Description:
    """Describe a Keras model, and its card where it has one."""
    return Description(summarize(model), {} if card is None else {"card": _card_facts(card)})


def _with_usage(description: Description, model: Any, path: Path) -> Description:
    """Add how a model without a card would be used, or what must be said before it can be."""
    try:
        usage = open_plain(model, path, Said()).usage
    except TellapartError as reason:
        answers = {"must be said": str(reason)}
    else:
        answers = {name: setting.in_words() for name, setting in usage.settings.items() if name != "outputs"}
    return replace(description, facts={"usage": answers})


def _describe_recipe(
    recipe: str, size: tuple[int, int] | None, channels: int | None, classes: int | None
) -> Description:
    if size is not None and not (isinstance(size, tuple | list) and len(size) == 2):
        raise ConfigError(f"size is height and width in pixels, such as (48, 64); got {size!r}.")
    config = RECIPES[recipe]()
    side = NETWORKS[config.network].side
    own = RECIPE_SHAPE[:2] if side is None else (side(config), side(config))
    height, width = own if size is None else size
    channels = RECIPE_SHAPE[2] if channels is None else channels
    classes = RECIPE_CLASSES if classes is None else classes
    if classes < 2:
        raise ConfigError(f"A classifier needs at least 2 classes; got {classes}.")
    shape = Preprocessing(height=height, width=width, channels=channels).shape
    summary = summarize(build_model(config, shape, classes, steps_per_epoch=1))
    cost = _training_cost(config, summary.flops)
    return Description(summary, {"recipe": config.to_dict()}, cost, MEASURED.get(recipe))


def _training_cost(config: TrainConfig, flops: int) -> TrainingCost:
    """Return the cost of a training on RECIPE_IMAGES, of which the recipe may hold some out."""
    held_out = config.validation_share if config.validation == "held out" else 0.0
    images = round(RECIPE_IMAGES * (1 - held_out))
    if config.head is not None:  # forward alone, each image once and mirrored
        return TrainingCost(RECIPE_IMAGES, 1, flops * RECIPE_IMAGES * (2 if config.head.mirror else 1))
    return TrainingCost(images, config.epochs, 3 * flops * images * config.epochs)


def _label_facts(card: ModelCard) -> dict[str, Any]:
    """Return what the card of several labels a picture says of them."""
    thresholds = dict(zip(card.class_names, card.thresholds, strict=True))
    return {
        "multi_label": True,
        "thresholds": {name: round(threshold, 4) for name, threshold in thresholds.items()},
        "thresholds_from": card.thresholds_from,
    }


def _card_facts(card: ModelCard) -> dict[str, Any]:
    return {
        "classes": list(card.class_names),
        **(_label_facts(card) if card.multi_label else {}),
        "pictures": card.preprocessing.to_dict(),
        "origin": {key: value for key, value in card.origin.items() if key != "usage"},
        **_adopted(card.origin.get("usage")),
    }


def _adopted(usage: Any) -> dict[str, Any]:
    """Return how an adopted model is used, as its card has it: each answer but the names with its source."""
    answers = usage if isinstance(usage, Mapping) else {}
    told = [
        f"{name} {answer.get('value')} ({answer.get('source')})"
        for name, answer in answers.items()
        if isinstance(answer, Mapping) and name != "classes"
    ]
    return {"adopted": told} if told else {}


def summarize(model: Any) -> Summary:
    """Run a Keras model once, on one black image, and describe it.

    Args:
        model: built, with one input of a fixed size.
    """
    shape = _image_shape(model)
    net = lower(model, "float32", fused=False)  # torch's counter knows no fused convolution
    image = torch.zeros(1, *shape, device=model.weights[0].value.device if model.weights else None)
    flops = _flops_by_layer(net, image)
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
"""Key of the FLOPs of a model whose own code decides when its layers run."""


def _flops_by_layer(net: LoweredNet, image: torch.Tensor) -> Counter[str]:
    """Count the FLOPs of each layer, by its path of names, in one run over `image`."""
    flops: Counter[str] = Counter()

    def observer(prefix: str, call: Call, *_: Any) -> None:
        flops[prefix + call.layer.name] += counter.get_total_flops() - flops.total()

    with torch.no_grad(), FlopCounterMode(display=False) as counter, net.observed_by(observer):
        net(image)
        flops[OUTSIDE_LAYERS] += counter.get_total_flops() - flops.total()
    return flops


def _inner_net(operation: Any) -> LoweredNet | None:
    """Return the net of a model that is used as a layer."""
    inner = getattr(operation, "net", None)
    return inner if isinstance(inner, LoweredNet) else None


def _layers(net: LoweredNet, flops: Counter[str], prefix: str = "") -> Iterator[LayerSummary]:
    """Yield a row for each layer, at its first call."""
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
        inner = _inner_net(operation)
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


def _image_shape(model: Any) -> tuple[int, int, int]:
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ModelError(
            f"The model {model.name!r} has the input shape {shape}; a summary needs one image of a fixed size: "
            "(None, height, width, channels)."
        )
    return shape[1], shape[2], shape[3]
