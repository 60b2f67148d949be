"""Dense layers: products with a matrix of weights, look-ups in one, and a scale for each channel."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.activations import activate_over
from tellapart.lowering.ops.base import Config, KernelOperation, Operation, Rule, has_known_activation


class Dense(KernelOperation):
    """Dense: kernel (in, out), over Keras's last axis."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__(config, weights, dtype, has_bias=config["use_bias"])

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        return activate_over(self.activation, to_torch(self.before_activation(to_keras(x))))

    def before_activation(self, x: Tensor) -> Tensor:
        """Return the product plus the bias; input and output are in Keras's layout."""
        x, kernel = x.to(self.dtype), self.cast("kernel")
        if self.dtype != torch.float32:
            return F.linear(x, kernel.t(), None if self.bias is None else self.cast("bias"))
        x = F.linear(x, kernel.t())
        return x if self.bias is None else x.add_(self.bias)


class EinsumDense(KernelOperation):
    """EinsumDense: an Einstein sum whose equation names Keras's axes."""

    def __init__(self, config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> None:
        super().__init__(config, weights, dtype, has_bias=config["bias_axes"] is not None)
        self.equation = config["equation"]

    def forward(self, x: Tensor, *, training: bool) -> Tensor:
        x = torch.einsum(self.equation, to_keras(x).to(self.dtype), self.cast("kernel"))
        if self.bias is not None:
            x = x + self.cast("bias")
        return activate_over(self.activation, to_torch(x))


class Embedding(Operation):
    """Embedding: a row of the table for each index; Keras counts negative ones from the end."""

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
    supported = has_known_activation(config) and config.get("quantization_config") is None
    return Dense(config, weights, dtype) if supported else None


def _einsum_dense(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    supported = has_known_activation(config) and config.get("quantization_config") is None
    return EinsumDense(config, weights, dtype) if supported else None


def _embedding(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    supported = not config["mask_zero"] and config.get("quantization_config") is None
    return Embedding(weights, dtype) if supported else None


def _layer_scale(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation:
    return LayerScale(weights, dtype)


RULES: dict[str, Rule] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "LayerScale": _layer_scale,
}
