"""The engine: the threads that decode, predict and explain.

Decoding takes a thread for each core; predictions take one thread, which divides batches among the cores itself.
Explanations take one thread, which lets a process of its own do the work where that can load the model.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tellapart.server.explaining import ExplainingProcess

Result = TypeVar("Result")


class Engine:
    """Threads of one server."""

    def __init__(self) -> None:
        self._decoders = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "decode")
        self._predictor = ThreadPoolExecutor(1, "predict")
        self._explainer = ThreadPoolExecutor(1, "explain")
        self.explaining = ExplainingProcess()
        """For the thread that explains alone."""

        self._loader = ThreadPoolExecutor(1, "load")

    async def decode(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function that brings one picture to a network's size."""
        return await asyncio.get_running_loop().run_in_executor(self._decoders, function, *arguments)

    async def predict(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function that runs a network; one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._predictor, function, *arguments)

    async def explain(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function that explains a prediction; one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._explainer, function, *arguments)

    async def load(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call a function that loads a model; one at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._loader, function, *arguments)

    def end(self) -> None:
        """End the threads; what they are doing is finished first."""
        for threads in (self._decoders, self._predictor, self._explainer, self._loader):
            threads.shutdown(wait=True, cancel_futures=True)
        self.explaining.end()
