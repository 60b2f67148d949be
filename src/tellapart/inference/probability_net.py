"""A network as a function from pixels to probabilities, whatever its last layer gives."""

from collections.abc import Callable
from typing import Any, Literal

import torch

from tellapart.errors import ModelError
from tellapart.inference.folded_net import InferenceNet, inference_net
from tellapart.inference.keras_file import StoredNet
from tellapart.lowering import LoweredNet, lower
from tellapart.lowering.dtypes import HALF

Head = Literal["probabilities", "one probability", "logits"]
"""What a network's outputs mean: a softmax, one sigmoid for the second of two classes, or neither yet."""


MOST_OFF_ONE = 1e-3
"""How far from 1 the sum of a picture's probabilities may be."""

MOST_OFF_ONE_ROUNDED = 2**-7
"""The same where a layer rounded them to half precision: bfloat16's step at 1."""


class ProbabilityNet:
    """A classifier's network as a function from pixels to probabilities, whatever its last layer gives."""

    def __init__(self, net: Callable[..., torch.Tensor], head: Head) -> None:
        self.net = net
        self.head = head
        self._kept: dict[str, ProbabilityNet] = {}

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, H, W, C) pixels 0-255 -> (B, classes)."""
        output = answer_of(self.net, images)
        if self.head == "probabilities":
            return summing_to_one(output)
        if self.head == "one probability":
            return torch.cat([1 - output, output], dim=-1)
        return output.float().softmax(-1)

    def ready(self, precision: str = "float32") -> "ProbabilityNet":
        """The same function in its fastest form, true for the weights of this moment.

        Where a net has no such form, it is this one, in float32 whatever the precision.
        """
        if precision in self._kept:
            return self._kept[precision]
        made = inference_net(self.net, precision) if isinstance(self.net, LoweredNet | StoredNet) else None
        ready = self if made is None else ProbabilityNet(made, self.head)
        if isinstance(self.net, StoredNet):  # nobody changes the weights of a file that was read
            self._kept[precision] = ready
        return ready

    def answers_in(self, precision: str) -> bool:
        """Whether `ready` has a form in this precision."""
        return precision == "float32" or self.ready(precision) is not self

    @property
    def divides(self) -> bool:
        """Whether several threads may ask at once."""
        return isinstance(self.net, InferenceNet)


def probability_net_of(model: Any, classes: int) -> ProbabilityNet:
    """A Keras model as a function from pixels to probabilities, sharing its weights."""
    net = lower(model, "float32")
    return ProbabilityNet(
        net, head_of(net, model.input_shape[1:], _last_activation(model), classes, model.name)
    )


def answer_of(net: Callable[..., Any], images: torch.Tensor) -> torch.Tensor:
    """What a net with one output says, also where the model gives it in a list or by name."""
    output = net(images, training=False)
    if torch.is_tensor(output):
        return output
    import keras

    (answer,) = keras.tree.flatten(output)
    return answer


def summing_to_one(answers: torch.Tensor) -> torch.Tensor:
    """Probabilities (B, classes) in at least float32: rounded to half precision by a layer, they sum to one again."""
    if answers.dtype not in HALF:
        return answers
    answers = answers.float()
    return answers / answers.sum(-1, keepdim=True)


def head_of(
    net: Callable[..., torch.Tensor], shape: tuple[int, ...], activation: str, classes: int, name: str
) -> Head:
    """What a network's numbers mean, judged by what it says of a few pictures of noise.

    Args:
        net: (B, H, W, C) pixels 0-255 -> (B, outputs).
        shape: (H, W, C) of its pictures.
        activation: Keras's name of the one that its outputs went through last.
        classes: that it should tell apart.
        name: of the model, for people.

    Raises:
        ModelError: the numbers are not the probabilities of classes of which one is true, or no numbers.
    """
    with torch.inference_mode():
        noise = torch.rand((4, *shape), generator=torch.Generator().manual_seed(0)) * 255
        output = answer_of(net, noise).cpu()
    error = MOST_OFF_ONE_ROUNDED if output.dtype in HALF else MOST_OFF_ONE
    output = output.float()
    if bool(output.isnan().any()):
        raise ModelError(
            f"The model {name!r} answers NaN, which is no number: its training has most likely diverged. "
            "Train it again, at a lower learning rate, or take weights that were saved earlier."
        )
    if output.shape[1] == 1 and classes == 2 and activation == "sigmoid":
        return "one probability"
    if output.shape[1] > 1 and bool((output >= 0).all() and ((output.sum(1) - 1).abs() < error).all()):
        return "probabilities"
    if output.shape[1] == 1 or activation != "linear":
        raise ModelError(
            f"The model {name!r} ends in {activation}, {output.shape[1]} to a picture: these are not the "
            "probabilities of classes of which one is true. Let it end in Dense(classes, activation='softmax'), "
            "in Dense(classes), or in Dense(1, activation='sigmoid') for two classes."
        )
    return "logits"


def _last_activation(model: Any) -> str:
    """Keras's name of the activation that a model's outputs went through last, "linear" where there is none."""
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
