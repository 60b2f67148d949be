"""Attention layers: each position of a sequence takes a weighted mean over the positions of another.

A call with masks, or one that returns the scores, runs as itself.

Source: Vaswani et al. 2017, arXiv:1706.03762.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.base import Config, Operation, Rule
from tellapart.lowering.ops.dropout import Dropout


class Attention(Operation):
    """MultiHeadAttention, and GroupedQueryAttention, in which several heads share keys and values.

    The output's kernel is (heads, size, C_out), all others (C_in, heads, size).
    """

    def __init__(
        self, names: Sequence[str], weights: Sequence[Tensor], rate: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        for name, weight in zip(names, weights, strict=True):
            setattr(self, name, weight)
        self.names, self.dropout, self.dtype = tuple(names), Dropout(rate), dtype
        self.scale = 1 / math.sqrt(weights[0].shape[-1])

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {name: getattr(self, name) for name in self.names}
        return {name: (weight, _as_matrix(name, weight)) for name, weight in weights.items()}

    def forward(self, query: Tensor, value: Tensor, key: Tensor | None = None, *, training: bool) -> Tensor:
        query, value = to_keras(query).to(self.dtype), to_keras(value).to(self.dtype)
        key = value if key is None else to_keras(key).to(self.dtype)
        queries, keys, values = (
            self._heads(x, name) for x, name in ((query, "query"), (key, "key"), (value, "value"))
        )  # each (B, ..., heads, T, size)
        repeats = queries.shape[-3] // keys.shape[-3]
        if repeats > 1:
            keys, values = (x.repeat_interleave(repeats, dim=-3) for x in (keys, values))
        means = self._attend(queries, keys, values, training).movedim(-2, 1)  # (B, T, ..., heads, size)
        if "gate_kernel" in self.names:
            means = means * torch.sigmoid(self._heads(query, "gate").movedim(-2, 1))
        return to_torch(self._project(means.flatten(-2), "output"))

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, training: bool) -> Tensor:
        if not (training and self.dropout.rate):
            return F.scaled_dot_product_attention(queries, keys, values, scale=self.scale)
        scores = torch.softmax(self.scale * queries @ keys.mT, dim=-1)
        kept = to_keras(self.dropout(to_torch(scores), training=True))  # torch's own would draw other numbers
        return kept @ values

    def _heads(self, x: Tensor, name: str) -> Tensor:
        """Project (B, T, ..., C) to (B, ..., heads, T, size)."""
        heads = getattr(self, f"{name}_kernel").shape[1:]
        return self._project(x, name).unflatten(-1, heads).movedim(1, -2)

    def _project(self, x: Tensor, name: str) -> Tensor:
        x = x @ self.cast(f"{name}_kernel")
        return x + self.cast(f"{name}_bias") if f"{name}_bias" in self.names else x


def _as_matrix(name: str, weight: Tensor) -> Tensor:
    """Return a view of a kernel as (inputs, outputs), of a bias as a vector."""
    if name.endswith("_bias"):
        return weight.flatten()
    return weight.flatten(0, 1) if name == "output_kernel" else weight.flatten(1)


def _attention(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    parts = ["query", "key", *(["gate"] if config["use_gate"] else []), "value", "output"]
    kinds = ["kernel", "bias"] if config["use_bias"] else ["kernel"]
    names = [f"{part}_{kind}" for part in parts for kind in kinds]
    over_one_axis = tuple(config.get("attention_axes") or (1,)) == (1,)
    supported = over_one_axis and config["sliding_window"] is None and len(names) == len(weights)
    output = dict(zip(names, weights, strict=False)).get("output_kernel")
    if not supported or output is None or output.ndim != 3:
        return None
    return Attention(names, weights, config["dropout"], dtype)


RULES: dict[str, Rule] = {"MultiHeadAttention": _attention, "GroupedQueryAttention": _attention}
