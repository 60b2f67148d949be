"""Batching: pictures of many requests predicted together, each answer given to its own request.

A picture is predicted at once where nothing else is. While a batch is being predicted, pictures gather for the next
one. Where others are being decoded, a picture waits for them, at most `wait_ms` from its own arrival: so nobody waits
for requests that may never come.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from tellapart.server.limits import Batching

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class _Job(NamedTuple, Generic[Item, Answer]):
    item: Item
    answer: asyncio.Future[Answer]
    arrived: float
    """Seconds, by the loop's clock."""


class Batcher(Generic[Item, Answer]):
    """Items that wait to be predicted together. All methods are called in the event loop."""

    def __init__(
        self, predict: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]], batching: Batching
    ) -> None:
        """Create it, without items.

        Args:
            predict: returns an answer for each item, in order.
            batching: how many at once, and how long one waits.
        """
        self._predict, self._batching = predict, batching
        self._jobs: deque[_Job[Item, Answer]] = deque()
        self._coming = 0
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def answer(self, item: Awaitable[Item]) -> Answer:
        """Return the answer to one item, predicted with others.

        Args:
            item: is made ready by this; items that are may wait for it.

        Raises:
            Exception: what making it ready raised, or `predict` for this item by itself.
        """
        loop = asyncio.get_running_loop()
        self._coming += 1
        try:
            ready = await item
        except BaseException:
            self._coming -= 1
            self._look()
            raise
        self._coming -= 1
        job = _Job(ready, loop.create_future(), loop.time())
        self._jobs.append(job)
        self._look()
        return await job.answer

    def _look(self) -> None:
        """Begin a batch if it is time."""
        if self._task is not None or not self._jobs:
            return
        loop = asyncio.get_running_loop()
        until = self._jobs[0].arrived + self._batching.wait_ms / 1000
        if len(self._jobs) < self._batching.most and self._coming and loop.time() < until:
            if self._timer is None:
                self._timer = loop.call_at(until, self._look_again)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch = [self._jobs.popleft() for _ in range(min(len(self._jobs), self._batching.most))]
        self._task = loop.create_task(self._run(batch))

    def _look_again(self) -> None:
        self._timer = None
        self._look()

    async def _run(self, batch: list[_Job[Item, Answer]]) -> None:
        try:
            wanted = [job for job in batch if not job.answer.done()]  # the others were given up
            if wanted:
                await self._answer_all(wanted)
        finally:
            self._task = None
            self._look()

    async def _answer_all(self, batch: list[_Job[Item, Answer]]) -> None:
        try:
            answers = await self._predict([job.item for job in batch])
        except Exception as reason:
            if len(batch) > 1:  # each by itself: one must not spoil the others
                for job in batch:
                    await self._answer_all([job])
            elif not batch[0].answer.done():
                batch[0].answer.set_exception(reason)
            return
        for job, answer in zip(batch, answers, strict=True):
            if not job.answer.done():
                job.answer.set_result(answer)
