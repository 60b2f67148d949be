"""Compiled: a net compiled for the GPU, or uncompiled, with a warning, where compiling fails.

On a GPU the launches of a small network's operations take longer than the operations; `torch.compile`
fuses them and records the rest as CUDA graphs. On CPUs it was slower than the operations one by one.
Each shape is compiled separately: with dynamic shapes, torch's default from a process's second net on,
the kernel gradients of a whitened network had another layout than the compiled code expects (torch 2.11).
"""

import warnings
from typing import Any

import torch
from torch import nn


class CompiledNet:
    """A net that runs compiled; after a first failure, and one warning, it runs as it is."""

    def __init__(
        self, net: nn.Module, backend: str = "inductor", mode: str | None = "reduce-overhead"
    ) -> None:
        self.net = net
        self._call: Any = torch.compile(net, backend=backend, mode=mode, dynamic=False)

    def __call__(self, inputs: Any, *, training: bool) -> Any:
        """Call the net."""
        if self._call is self.net:
            return self.net(inputs, training=training)
        try:
            return self._call(inputs, training=training)
        except Exception as error:  # of any kind: what is the net's own fault fails again in the call below
            self._call = self.net
            lines = [line.strip() for line in str(error).strip().splitlines()[:2]]
            reason = " ".join(lines) or type(error).__name__
            warnings.warn(
                f"The network could not be compiled for the GPU and runs uncompiled, more slowly: {reason}",
                stacklevel=2,
            )
            return self.net(inputs, training=training)


def compile_on_gpu(net: Any) -> Any:
    """Return the net compiled where its weights are on an NVIDIA GPU, else the net itself."""
    return CompiledNet(net) if net.device.type == "cuda" else net
