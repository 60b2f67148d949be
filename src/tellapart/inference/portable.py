"""Portable nets: a net as a module of ordinary operations, from pixels to features, logits and outputs, for export.

The operations are those of the folded net, so a normalization is part of its convolution; but without oneDNN's own
products and packed weights, without the division of a batch into parts, and with padding that is written out.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tellapart.inference.fold import FoldedDense, FoldedPooling
from tellapart.inference.folded_convolution import NO_MARGINS, FoldedConvolution, Sides
from tellapart.inference.folded_net import InferenceNet
from tellapart.inference.probability_net import ProbabilityNet, single_output
from tellapart.inference.scored_net import Run, ends_in_dense, observed_run
from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.activations import ACTIVATIONS
from tellapart.lowering.ops.convolution import same_margins


class PortableConvolution(nn.Module):
    """A folded convolution: (B, C, H, W) -> (B, C_out, h, w)."""

    def __init__(self, folded: FoldedConvolution) -> None:
        super().__init__()
        self.kernel = nn.Buffer(folded.kernel.float().contiguous())
        self.bias = None if folded.bias is None else nn.Buffer(folded.bias.float())
        self.strides, self.dilation, self.groups = folded.strides, folded.dilation, folded.groups
        self.margins, self.center, self.activation = folded.margins, folded.center, folded.activation

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Convolve, add a second tensor where there is one, and activate."""
        x = x.float()
        x = x - self.center if self.center else x
        x, padding = self._padded(x)
        x = F.conv2d(x, self.kernel, self.bias, self.strides, padding, self.dilation, self.groups)
        return ACTIVATIONS[self.activation](x if added is None else x + added)

    def _padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return the images, padded where the sides differ, and the padding that the product does."""
        margins: Sides = NO_MARGINS
        if self.margins is None:
            size = (int(x.shape[2]), int(x.shape[3]))
            margins = same_margins(size, self.kernel.shape[2:], self.strides, self.dilation)
        (top, bottom), (left, right) = self.margins or margins
        if (top, left) == (bottom, right):
            return x, (top, left)
        return F.pad(x, (left, right, top, bottom)), (0, 0)


class PortableDense(nn.Module):
    """A dense layer with its activation."""

    def __init__(self, folded: FoldedDense) -> None:
        super().__init__()
        self.weight = nn.Buffer(folded.weight.float().contiguous())
        self.bias = None if folded.bias is None else nn.Buffer(folded.bias.float())
        self.activation = folded.activation

    def before_activation(self, x: Tensor) -> Tensor:
        """Return the product of the inputs and the weights, plus bias."""
        return to_torch(F.linear(to_keras(x), self.weight, self.bias))

    def forward(self, x: Tensor) -> Tensor:
        """(B, ..., inputs) -> (B, ..., outputs)."""
        return ACTIVATIONS[self.activation](self.before_activation(x))


class _InInference(nn.Module):
    """An operation that is the same in every form, called without training."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, *inputs: Tensor) -> Any:
        return self.operation(*inputs, training=False)


PORTABLE: dict[type[nn.Module], Any] = {
    FoldedConvolution: PortableConvolution,
    FoldedDense: PortableDense,
    FoldedPooling: lambda folded: _InInference(folded.plain),
}
"""Folded operation -> its portable form."""


class PortableNet(nn.Module):
    """A folded net in portable operations: (B, H, W, C) pixels 0-255 -> `Run`."""

    def __init__(self, net: InferenceNet) -> None:
        super().__init__()
        steps = [*net.body, *net.head]
        forms = [PORTABLE.get(type(step.operation), _InInference) for step in steps]
        self.operations = nn.ModuleList(form(step.operation) for form, step in zip(forms, steps, strict=True))
        self.places = [(step.inputs, step.output) for step in steps]
        self.entry, self.result = net.entry, net.result
        self.shows_features = net.has_features

    def forward(self, images: Tensor) -> Run:
        """Return the inputs of the last dense layer, those of the last activation, and the outputs."""
        values, features = {self.entry: to_torch(images.float())}, images
        *before, (last, (inputs, output)) = list(zip(self.operations, self.places, strict=True))
        for operation, (sources, target) in before:
            given = [values[slot] for slot in sources]
            features = given[0] if isinstance(operation, PortableDense) else features
            values[target] = operation(*given)
        given = [values[slot] for slot in inputs]
        if isinstance(last, PortableDense):
            features, logits = given[0], last.before_activation(given[0])
            values[output] = ACTIVATIONS[last.activation](logits)
        else:
            values[output] = last(*given)
            inner = getattr(last, "operation", None)
            logits = given[0] if isinstance(inner, ActivationOperation) else values[output]
        return Run(to_keras(features), to_keras(logits), to_keras(values[self.result]))


class PortableLoweredNet(nn.Module):
    """A net that has no folded form, run by its lowered operations."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.shows_features = ends_in_dense(net)

    def forward(self, images: Tensor) -> Run:
        """(B, H, W, C) pixels 0-255 -> `Run`; features and logits are the outputs where they cannot be seen."""
        if self.shows_features:
            return observed_run(self.net, images.float())
        outputs = single_output(self.net, images.float())
        return Run(outputs, outputs, outputs)


def portable_net(net: ProbabilityNet) -> PortableNet | PortableLoweredNet:
    """Return a network in operations that every format has, with its current weights."""
    ready = net.ready("float32").net
    with torch.no_grad():
        return PortableNet(ready) if isinstance(ready, InferenceNet) else PortableLoweredNet(ready)
