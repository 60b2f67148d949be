"""A network as a function from pixels to probabilities, whatever its last layer returns."""

from collections.abc import Callable
from typing import Any, Literal

import torch

from tellapart.errors import ModelError
from tellapart.inference.folded_net import InferenceNet, inference_net
from tellapart.inference.stored_net import StoredNet
from tellapart.lowering import LoweredNet, lower
from tellapart.lowering.dtypes import HALF
from tellapart.pages.card import Readable
from tellapart.runtime.workers import workers
from tellapart.text import counted

Head = Literal["probabilities", "one probability", "logits", "one logit", "label probabilities"]
"""What a network's outputs mean: a softmax, or one sigmoid for the second of two classes; or what these are given.
Label probabilities are a sigmoid for each label, where a picture may have several."""

LOGITS: tuple[Head, ...] = ("logits", "one logit")
OF_SECOND: tuple[Head, ...] = ("one probability", "one logit")
"""Heads of a single number, which is the second class's."""


MOST_OFF_ONE = 1e-3
"""How far from 1 the sum of an image's probabilities may be."""

MOST_OFF_ONE_ROUNDED = 2**-7
"""The same where a layer rounded them to half precision: the spacing of bfloat16 at 1."""


NOISE_IMAGES = 2
"""Images of noise by whose outputs a network's last layer is judged."""

FAINTER = (1 / 16, 1 / 255)
"""Contrasts at which a network is asked again whose outputs need not add up to 1. Sigmoids, each of its own, do so by
chance where noise drives one of them to 1 and the others to 0."""


OF_LABELS = (
    " A network of several labels a picture needs the model card in the .keras file that tellapart saved."
)


class ProbabilityNet(Readable):
    """A network as a function from pixels to probabilities, whatever its last layer returns."""

    def __init__(self, net: Callable[..., torch.Tensor], head: Head) -> None:
        self.net = net
        self.head = head
        self._kept: dict[str, ProbabilityNet] = {}

    def _parts(self) -> list[str]:
        return [f"a network whose outputs are {self.head}"]

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Predict: (B, H, W, C) pixels 0-255 -> (B, classes)."""
        return self.meaning(single_output(self.net, images))

    def meaning(self, output: torch.Tensor) -> torch.Tensor:
        """Return the network's outputs as probabilities: (B, outputs) -> (B, classes)."""
        if self.head == "probabilities":
            return normalized(output)
        if self.head == "label probabilities":
            return output.float()
        if self.head == "one probability":
            return torch.cat([1 - output, output], dim=-1)
        if self.head == "one logit":
            return two_logits(output.float()).softmax(-1)
        return output.float().softmax(-1)

    def ready(self, precision: str = "float32") -> "ProbabilityNet":
        """Return the same function in its fastest form, with the current weights.

        Where a net has no such form, this is the net itself, in float32 whatever the precision.
        """
        if precision in self._kept:
            return self._kept[precision]
        folded = inference_net(self.net, precision) if isinstance(self.net, LoweredNet | StoredNet) else None
        ready = self if folded is None else ProbabilityNet(folded, self.head)
        if isinstance(self.net, StoredNet):  # whose weights never change
            self._kept[precision] = ready
        return ready

    def predicts_in(self, precision: str) -> bool:
        """Return whether `ready` has a form in this precision."""
        if self.head == "label probabilities":  # what is near a threshold is not refined
            return precision == "float32"
        return precision == "float32" or self.ready(precision) is not self

    @property
    def divides(self) -> bool:
        """Whether several threads may predict at once."""
        return isinstance(self.net, InferenceNet)


def probability_net_of(
    model: Any, classes: int, name: str = "", *, multi_label: bool = False
) -> ProbabilityNet:
    """Return a Keras model as a function from pixels to probabilities that shares its weights.

    Args:
        model: images (B, H, W, C) -> (B, classes).
        classes: how many outputs it should have.
        name: for error messages: its file's, by which people know it. Default: the one that Keras gave it.
        multi_label: whether each output is the probability of a label, and a picture may have several.

    Raises:
        ModelError: as `head_of`.
    """
    net = lower(model, "float32")
    name, activation = name or model.name, _last_activation(model)
    head = head_of(net, model.input_shape[1:], activation, classes, name, multi_label=multi_label)
    return ProbabilityNet(net, head)


def stored_probability_net(
    net: StoredNet, shape: tuple[int, ...], classes: int, name: str, *, multi_label: bool = False
) -> ProbabilityNet:
    """Return a stored net as a function from pixels to probabilities; its folded form is kept.

    Args:
        net: (B, H, W, C) pixels 0-255 -> (B, classes).
        shape: (H, W, C) of its images.
        classes: how many outputs it should have.
        name: of the model, for error messages.
        multi_label: as in `probability_net_of`.

    Raises:
        ModelError: as `head_of`.
    """
    folded = inference_net(net)
    head = head_of(folded or net, shape, net.last_activation, classes, name, multi_label=multi_label)
    probability_net = ProbabilityNet(net, head)
    if folded is not None:
        probability_net._kept["float32"] = ProbabilityNet(folded, head)
    return probability_net


def two_logits(logit: torch.Tensor) -> torch.Tensor:
    """Return logits of two classes, (B, 1) -> (B, 2), whose softmax is the sigmoid of one logit."""
    return torch.cat([-logit / 2, logit / 2], dim=-1)


def single_output(net: Callable[..., Any], images: torch.Tensor) -> torch.Tensor:
    """Return the output of a net that has one, also where the model returns it in a list or by name."""
    output = net(images, training=False)
    if torch.is_tensor(output):
        return output
    import keras

    (tensor,) = keras.tree.flatten(output)
    return tensor


def normalized(probabilities: torch.Tensor) -> torch.Tensor:
    """Return probabilities (B, classes) in at least float32; those rounded to half precision sum to 1 again."""
    if probabilities.dtype not in HALF:
        return probabilities
    probabilities = probabilities.float()
    return probabilities / probabilities.sum(-1, keepdim=True)


def head_of(
    net: Callable[..., torch.Tensor],
    shape: tuple[int, ...],
    activation: str,
    classes: int,
    name: str,
    *,
    multi_label: bool = False,
) -> Head:
    """Return what a network's outputs mean, judged by its outputs on images of noise.

    Args:
        net: (B, H, W, C) pixels 0-255 -> (B, outputs).
        shape: (H, W, C) of its images.
        activation: Keras's name of the last activation before the output.
        classes: how many it should have.
        name: of the model, for error messages.
        multi_label: whether each output should be the probability of a label.

    Raises:
        ModelError: the outputs are NaN, or neither probabilities nor logits of mutually exclusive classes.
    """
    noise = torch.rand((NOISE_IMAGES, *shape), generator=torch.Generator().manual_seed(0)) * 255
    if activation != "softmax":
        noise = torch.cat([noise, *(noise * contrast for contrast in FAINTER)])

    def outputs_of(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return single_output(net, images).cpu()

    divides = isinstance(net, InferenceNet)
    output = workers().map(outputs_of, [noise])[0] if divides else outputs_of(noise)  # as in `predictor`
    error = MOST_OFF_ONE_ROUNDED if output.dtype in HALF else MOST_OFF_ONE
    output = output.float()
    if bool(output.isnan().any()):
        raise ModelError(
            f"{name} outputs NaN: its training has most likely diverged. "
            "Train it again with a lower learning rate, or use weights that were saved earlier."
        )
    if output.ndim != 2 or output.shape[1] not in (1, classes):
        raise ModelError(
            f"{name} gives {tuple(output.shape[1:])} numbers for each image, and has {classes} classes. "
            "Accepted: one score for each class."
        )
    if multi_label:
        return _label_probabilities(output, activation, classes, name)
    if output.shape[1] == 1 and classes == 2 and activation in ("sigmoid", "linear"):
        return "one probability" if activation == "sigmoid" else "one logit"
    if output.shape[1] > 1 and bool((output >= 0).all() and ((output.sum(1) - 1).abs() < error).all()):
        return "probabilities"
    if output.shape[1] == 1 or activation != "linear":
        outputs = counted(output.shape[1], "output")
        raise ModelError(
            f"{name} ends in {activation} with {outputs} per image: these are not the "
            "probabilities of mutually exclusive classes. End it in Dense(classes, activation='softmax'), "
            "in Dense(classes), or in Dense(1) or Dense(1, activation='sigmoid') for two classes."
            + (OF_LABELS if activation == "sigmoid" else "")
        )
    return "logits"


def _label_probabilities(output: torch.Tensor, activation: str, classes: int, name: str) -> Head:
    if activation == "sigmoid" and output.shape[1] == classes:
        return "label probabilities"
    raise ModelError(
        f"{name} ends in {activation} with {counted(output.shape[1], 'output')}, and its model card says that a "
        "picture "
        f"may have several of {classes} labels. Accepted: Dense(labels, activation='sigmoid')."
    )


def _last_activation(model: Any) -> str:
    """Return Keras's name of the last activation before a model's output; "linear" where there is none."""
    for layer in reversed(getattr(model, "operations", model.layers)):
        if hasattr(layer, "layers"):
            return _last_activation(layer)
        activation = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())
        if not hasattr(layer, "weights"):  # an operator, such as keras.ops.sigmoid or a product
            if activation in ("sigmoid", "softmax"):
                return activation
            continue
        if activation not in ("linear", "identity"):
            return activation
        if layer.weights:
            return "linear"
    return "linear"
