"""Recorded: a function of tensors as one program of a GPU, recorded once for each shape and then replayed.

A GPU is told of every operation by the processor, and a small network's operations take less time than the
telling. A CUDA graph tells of all of them at once. What is recorded must ask nothing of the host: each replay
repeats the very launches, on the tensors' places, with fresh random numbers.

Source: Gray 2019, "Getting started with CUDA graphs"; torch.cuda.CUDAGraph.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

PLAIN_CALLS = 3
"""Before a shape is recorded: libraries choose their algorithms and take their memory in the first calls."""

Function = Callable[..., tuple[Tensor, ...]]


class CudaGraphed:
    """Calls `function` recorded; plainly where recording it fails, with the reason, once, as a warning."""

    def __init__(self, function: Function, generators: Sequence[torch.Generator] = ()) -> None:
        """Nothing is recorded yet.

        Args:
            function: of tensors on the GPU, to tensors; what else it reads must stay in its place.
            generators: that it draws from, besides torch's global one. Seeds set between calls count.
        """
        self.function, self.generators = function, generators
        self.failed = False
        self._met: Counter[tuple[object, ...]] = Counter()
        self._recordings: dict[tuple[object, ...], _Recording] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """As the function's own call; the results are new tensors."""
        kind = tuple((tuple(one.shape), one.dtype) for one in inputs)
        if kind not in self._recordings and not self.failed and self._met[kind] >= PLAIN_CALLS:
            try:
                self._recordings[kind] = _Recording(self.function, inputs, self.generators)
            except RuntimeError as reason:
                self.failed = True
                _renew([*self.generators, *(torch.cuda.default_generators if inputs[0].is_cuda else ())])
                told = str(reason).strip().splitlines()[0]
                warnings.warn(
                    f"A step could not be recorded for the GPU and runs plainly, more slowly: {told}",
                    stacklevel=2,
                )
        if kind in self._recordings:
            return self._recordings[kind](*inputs)
        self._met[kind] += 1
        return self.function(*inputs)


class _Recording:
    """One function on tensors of one shape."""

    def __init__(
        self, function: Function, inputs: Sequence[Tensor], generators: Sequence[torch.Generator]
    ) -> None:
        self.inputs = [one.clone() for one in inputs]
        self.graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self.graph.register_generator_state(generator)
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            # Without their history, which would tie later gradients to the stream of the recording.
            self.results = tuple(one.detach() for one in function(*self.inputs))

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        for mine, given in zip(self.inputs, inputs, strict=True):
            mine.copy_(given, non_blocking=True)
        self.graph.replay()
        return tuple(one.clone() for one in self.results)


def _renew(generators: Sequence[torch.Generator]) -> None:
    """Let generators draw again after a recording that failed: each still counts as being recorded.

    The seeds are lost; a training sets them anew at every step.
    """
    for generator in generators:
        generator.graphsafe_set_state(torch.Generator(generator.device).graphsafe_get_state())
