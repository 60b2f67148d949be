"""CUDA graph: a function of tensors recorded once for each shape and then replayed by the GPU.

The processor launches every operation of a GPU, and a small network's operations take less time than their
launches. A CUDA graph launches all of them at once. The function must not need the host in between: each
replay repeats the same launches on the same memory, with fresh random numbers.

Source: Gray 2019, "Getting started with CUDA graphs"; torch.cuda.CUDAGraph.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

PLAIN_CALLS = 3
"""Calls of a shape before it is recorded: libraries choose algorithms and allocate memory in the first ones."""

Function = Callable[..., tuple[Tensor, ...]]


class CudaGraphed:
    """A function that is recorded and replayed; after a recording that fails, and one warning, it runs as it is."""

    def __init__(self, function: Function, generators: Sequence[torch.Generator] = ()) -> None:
        """Prepare to record; nothing is recorded yet.

        Args:
            function: from tensors on the GPU to tensors; other tensors that it reads must stay in their memory.
            generators: the generators that it draws from, besides torch's global one. Seeds set between
                calls take effect.
        """
        self.function, self.generators = function, generators
        self.failed = False
        self._calls: Counter[tuple[object, ...]] = Counter()
        self._recordings: dict[tuple[object, ...], _Recording] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Call the function; the results are new tensors."""
        kind = tuple((tuple(tensor.shape), tensor.dtype) for tensor in inputs)
        if kind not in self._recordings and not self.failed and self._calls[kind] >= PLAIN_CALLS:
            try:
                self._recordings[kind] = _Recording(self.function, inputs, self.generators)
            except RuntimeError as error:
                self.failed = True
                _renew([*self.generators, *(torch.cuda.default_generators if inputs[0].is_cuda else ())])
                reason = str(error).strip().splitlines()[0]
                warnings.warn(
                    f"A step could not be recorded as a CUDA graph and runs without one, more slowly: {reason}",
                    stacklevel=2,
                )
        if kind in self._recordings:
            return self._recordings[kind](*inputs)
        self._calls[kind] += 1
        return self.function(*inputs)


class _Recording:
    """A function recorded on tensors of one shape."""

    def __init__(
        self, function: Function, inputs: Sequence[Tensor], generators: Sequence[torch.Generator]
    ) -> None:
        self.inputs = [tensor.clone() for tensor in inputs]
        self.graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self.graph.register_generator_state(generator)
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            # Detached: their history would tie later gradients to the stream of the recording.
            self.results = tuple(result.detach() for result in function(*self.inputs))

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        for recorded, tensor in zip(self.inputs, inputs, strict=True):
            recorded.copy_(tensor, non_blocking=True)
        self.graph.replay()
        return tuple(result.clone() for result in self.results)


def _renew(generators: Sequence[torch.Generator]) -> None:
    """Let generators draw again after a failed recording, in which each is still marked as being recorded.

    Their seeds are lost; a training sets them again at every step.
    """
    for generator in generators:
        generator.graphsafe_set_state(torch.Generator(generator.device).graphsafe_get_state())
