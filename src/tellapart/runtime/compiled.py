"""Compiled: a net as one program of the GPU, or as it is, with the reason, where compiling fails.

On a GPU the launches of a small network's operations take longer than their arithmetic; `torch.compile`
joins them and records the rest as CUDA graphs. On CPUs it was slower than the operations one by one.
Each shape is compiled for itself: of shapes left open, as torch leaves them from a process's second net on,
the kernel gradients of a whitened network came out in another layout than its program expects (torch 2.11).
"""

import warnings
from typing import Any

import torch
from torch import nn


class CompiledNet:
    """Calls `net` compiled; from the first failure on, plainly. Says so once, as a warning."""

    def __init__(
        self, net: nn.Module, backend: str = "inductor", mode: str | None = "reduce-overhead"
    ) -> None:
        self.net = net
        self._call: Any = torch.compile(net, backend=backend, mode=mode, dynamic=False)

    def __call__(self, inputs: Any, *, training: bool) -> Any:
        """As the net's own call."""
        if self._call is self.net:
            return self.net(inputs, training=training)
        try:
            return self._call(inputs, training=training)
        except (
            Exception
        ) as reason:  # compilers fail in ways of their own; the net itself then says what is wrong
            self._call = self.net
            told = (
                " ".join(line.strip() for line in str(reason).strip().splitlines()[:2])
                or type(reason).__name__
            )
            warnings.warn(
                f"The network could not be compiled for the GPU and runs uncompiled, more slowly: {told}",
                stacklevel=2,
            )
            return self.net(inputs, training=training)


def compile_on_gpu(net: Any) -> Any:
    """The net compiled where its weights are on an NVIDIA GPU, else the net itself."""
    return CompiledNet(net) if net.device.type == "cuda" else net
