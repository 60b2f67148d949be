"""Projections: products with a weight other than Dense and the convolutions, and look-ups in one."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.base import Config, Operation, Rule, has_known_activation


class Dense(Operation):
    """Dense: kernel (in, out), over the last Keras axis."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel = weights[0]
        self.bias = weights[1] if config["use_bias"] else None
        self.activation = config["activation"]
        self.overwritable = self.activation == "linear"
        self.dtype = dtype

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {"kernel": (self.kernel, self.kernel)}
        return weights if self.bias is None else weights | {"bias": (self.bias, self.bias)}

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return activate_over(self.activation, to_torch(self.before_activation(to_keras(x))))

    def before_activation(self, x: Tensor) -> Tensor:
        """The product and the bias, Keras's layout in and out."""
        x, kernel = x.to(self.dtype), self.cast("kernel")
        if self.dtype != torch.float32:
            return F.linear(x, kernel.t(), None if self.bias is None else self.cast("bias"))
        x = F.linear(x, kernel.t())
        return x if self.bias is None else x.add_(self.bias)


class EinsumDense(Operation):
    """EinsumDense: Keras's equation over Keras's axes."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel = weights[0]
        self.bias = weights[1] if config["bias_axes"] is not None else None
        self.equation, self.activation = config["equation"], config["activation"]
        self.overwritable = self.activation == "linear"
        self.dtype = dtype

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {"kernel": (self.kernel, self.kernel)}
        return weights if self.bias is None else weights | {"bias": (self.bias, self.bias)}

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x = torch.einsum(self.equation, to_keras(x).to(self.dtype), self.cast("kernel"))
        if self.bias is not None:
            x = x + self.cast("bias")
        return activate_over(self.activation, to_torch(x))


class Embedding(Operation):
    """Embedding: a row of the table for each number; Keras counts negative ones from the end."""

    def __init__(self, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.table, self.dtype = weights[0], dtype

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        rows = to_keras(x).long()
        rows = torch.where(rows < 0, rows + len(self.table), rows)
        return to_torch(F.embedding(rows, self.table).to(self.dtype))


class LayerScale(Operation):
    """ConvNeXt's LayerScale: a factor for each channel.

    Source: Touvron et al. 2021, arXiv:2103.17239.
    """

    def __init__(self, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__()
        self.gamma, self.dtype = weights[0], dtype

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return to_torch(to_keras(x).to(self.dtype) * self.gamma.to(self.dtype))


def _dense(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    known = has_known_activation(config) and config.get("quantization_config") is None
    return Dense(config, weights, dtype) if known else None


def _einsum_dense(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    known = has_known_activation(config) and config.get("quantization_config") is None
    return EinsumDense(config, weights, dtype) if known else None


def _embedding(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    known = not config["mask_zero"] and config.get("quantization_config") is None
    return Embedding(weights, dtype) if known else None


def _layer_scale(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation:
    return LayerScale(weights, dtype)


RULES: dict[str, Rule] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "LayerScale": _layer_scale,
}
