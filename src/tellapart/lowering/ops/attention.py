"""Attention layers: each position of a sequence takes a weighted mean over the positions of another.

A call with masks of single sequences, or one that returns the scores, runs as itself.

Source: Vaswani et al. 2017, arXiv:1706.03762.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.lowering.layout import to_keras, to_torch
from tellapart.lowering.ops.base import Config, Operation, Rule
from tellapart.lowering.ops.dropout import Dropout

TENSORS = {"query", "value", "key", "attention_mask"}

LEAST_SCORE = {torch.float16: -3e4}
"""What is added to the score of a pair that a mask forbids, by dtype; in others -1e9, as in Keras's Softmax."""


class Attention(Operation):
    """MultiHeadAttention, and GroupedQueryAttention, in which several heads share keys and values.

    The output's kernel is (heads, size, C_out), all others (C_in, heads, size).
    """

    def __init__(
        self,
        names: Sequence[str],
        weights: Sequence[Tensor],
        rate: float,
        dtype: torch.dtype,
        axes: Sequence[int] = (1,),
    ) -> None:
        super().__init__()
        for name, weight in zip(names, weights, strict=True):
            setattr(self, name, weight)
        self.names, self.dropout, self.dtype = tuple(names), Dropout(rate), dtype
        self.axes = tuple(axes)
        """The axes of the positions, which all attend to each other; others are attended over apart."""
        self.scale = 1 / math.sqrt(weights[0].shape[-1])

    def castable_weights(self) -> dict[str, tuple[Tensor, Tensor]]:
        weights = {name: getattr(self, name) for name in self.names}
        return {name: (weight, _as_matrix(name, weight)) for name, weight in weights.items()}

    def called_with(self, names: Sequence[str], settings: Mapping[str, Any]) -> Operation | None:
        """Return the operation of a call with these tensors, a mask of pairs or a causal one."""
        flags = {name for name, value in settings.items() if value}
        if not set(names) <= TENSORS or not flags <= {"use_causal_mask"}:
            return None
        is_masked = bool(flags) or "attention_mask" in names
        if is_masked and self.axes != (1,):
            return None
        return (
            self
            if tuple(names) == TENSOR_ORDER[: len(names)] and not flags
            else AttentionCall(self, names, bool(flags))
        )

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        causal: bool = False,
        training: bool,
    ) -> Tensor:
        query, value = to_keras(query).to(self.dtype), to_keras(value).to(self.dtype)
        key = value if key is None else to_keras(key).to(self.dtype)
        queries, keys, values = (
            self._heads(x, name) for x, name in ((query, "query"), (key, "key"), (value, "value"))
        )  # each (B, other axes, heads, T, size)
        repeats = queries.shape[-3] // keys.shape[-3]
        if repeats > 1:
            keys, values = (x.repeat_interleave(repeats, dim=-3) for x in (keys, values))
        bias = self._bias(queries, keys, attention_mask, causal)
        means = self._attend(queries, keys, values, bias, training)
        if "gate_kernel" in self.names:
            means = means * torch.sigmoid(self._heads(query, "gate"))
        means = self._in_places(means, query)  # (B, axes of the query, heads, size)
        return to_torch(self._project(means.flatten(-2), "output"))

    def _bias(self, queries: Tensor, keys: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
        """Return what is added to the scores: nothing where a pair may attend, a large negative number elsewhere."""
        if causal:
            allowed = torch.ones(
                queries.shape[-2], keys.shape[-2], dtype=torch.bool, device=queries.device
            ).tril()
            mask = allowed if mask is None else mask.bool() & allowed
        if mask is None:
            return None
        mask = mask.unsqueeze(1) if mask.ndim == 3 else mask  # over all heads
        least = LEAST_SCORE.get(queries.dtype, -1e9)
        return torch.zeros(mask.shape, dtype=queries.dtype, device=mask.device).masked_fill_(
            ~mask.bool(), least
        )

    def _attend(
        self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, training: bool
    ) -> Tensor:
        if not (training and self.dropout.rate):
            return F.scaled_dot_product_attention(queries, keys, values, bias, scale=self.scale)
        scores = self.scale * queries @ keys.mT
        scores = torch.softmax(scores if bias is None else scores + bias, dim=-1)
        kept = to_keras(self.dropout(to_torch(scores), training=True))  # torch's own would draw other numbers
        return kept @ values

    def _heads(self, x: Tensor, name: str) -> Tensor:
        """Project (B, ..., C) to (B, other axes, heads, T, size), with T positions along all attended axes."""
        heads = getattr(self, f"{name}_kernel").shape[1:]
        x = self._project(x, name).unflatten(-1, heads)
        if self.axes == (1,):
            return x.movedim(1, -2)
        attended = len(self.axes)
        x = x.movedim(self.axes, tuple(range(-2 - attended, -2)))
        return x.flatten(-2 - attended, -3).movedim(-3, -2)

    def _in_places(self, means: Tensor, query: Tensor) -> Tensor:
        """Undo `_heads`'s order: (B, other axes, heads, T, size) to the query's axes, heads and size."""
        if self.axes == (1,):
            return means.movedim(-2, 1)
        attended = len(self.axes)
        sizes = [query.shape[axis] for axis in self.axes]
        means = means.movedim(-2, -3).unflatten(-3, sizes)
        return means.movedim(tuple(range(-2 - attended, -2)), self.axes)

    def _project(self, x: Tensor, name: str) -> Tensor:
        x = x @ self.cast(f"{name}_kernel")
        return x + self.cast(f"{name}_bias") if f"{name}_bias" in self.names else x


TENSOR_ORDER = ("query", "value", "key")


class AttentionCall(Operation):
    """One call of an attention layer by the names of its tensors, perhaps with a mask of pairs."""

    def __init__(self, attention: Attention, names: Sequence[str], causal: bool) -> None:
        super().__init__()
        self.attention, self.names, self.causal = attention, tuple(names), causal

    def forward(self, *tensors: Tensor, training: bool) -> Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        return self.attention(**given, causal=self.causal, training=training)


def _as_matrix(name: str, weight: Tensor) -> Tensor:
    """Return a view of a kernel as (inputs, outputs), of a bias as a vector."""
    if name.endswith("_bias"):
        return weight.flatten()
    return weight.flatten(0, 1) if name == "output_kernel" else weight.flatten(1)


def _attention(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    parts = ["query", "key", *(["gate"] if config["use_gate"] else []), "value", "output"]
    kinds = ["kernel", "bias"] if config["use_bias"] else ["kernel"]
    names = [f"{part}_{kind}" for part in parts for kind in kinds]
    axes = tuple(config.get("attention_axes") or (1,))
    supported = min(axes) > 0 and config["sliding_window"] is None and len(names) == len(weights)
    output = dict(zip(names, weights, strict=False)).get("output_kernel")
    if not supported or output is None or output.ndim != 3:
        return None
    return Attention(names, weights, config["dropout"], dtype, axes)


RULES: dict[str, Rule] = {"MultiHeadAttention": _attention, "GroupedQueryAttention": _attention}
