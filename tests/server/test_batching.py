"""Batching: what is predicted together, and when; by the loop's own clock."""

import asyncio

import pytest
from own_thread import in_own_thread

from tellapart.server.batching import Batcher
from tellapart.server.limits import Batching


class Network:
    """Doubles numbers, as long as it is told to; remembers its batches."""

    def __init__(self):
        self.batches, self.seconds = [], 0.0

    async def __call__(self, items):
        self.batches.append(list(items))
        await asyncio.sleep(self.seconds)
        if "bad" in items:
            raise ValueError("bad")
        return [2 * item for item in items]


async def ready(item, seconds=0.0):
    await asyncio.sleep(seconds)
    return item


def run(body, **batching):
    network = Network()
    batcher = Batcher(network, Batching(**batching))
    return network, in_own_thread(asyncio.run, body(batcher, network))


def test_a_single_item_waits_for_nobody():
    async def body(batcher, network):
        began = asyncio.get_running_loop().time()
        assert await batcher.answer(ready(1)) == 2
        return asyncio.get_running_loop().time() - began

    network, seconds = run(body, wait_ms=5000)
    assert seconds < 1
    assert network.batches == [[1]]


def test_an_item_waits_for_those_that_are_being_made_ready():
    async def body(batcher, network):
        return await asyncio.gather(*(batcher.answer(ready(i, i / 100)) for i in range(5)))

    network, answers = run(body, wait_ms=5000)
    assert network.batches == [[0, 1, 2, 3, 4]]
    assert answers == [0, 2, 4, 6, 8]


def test_no_longer_than_it_may():
    async def body(batcher, network):
        slow = asyncio.create_task(batcher.answer(ready("slow", 30)))
        began = asyncio.get_running_loop().time()
        assert await batcher.answer(ready(1)) == 2
        waited = asyncio.get_running_loop().time() - began
        slow.cancel()
        return waited

    _, waited = run(body, wait_ms=100)
    assert 0.09 < waited < 5


def test_an_item_that_fails_to_be_made_ready_holds_nobody_up():
    async def failing():
        await asyncio.sleep(0.05)
        raise OSError("no picture")

    async def body(batcher, network):
        return await asyncio.gather(
            batcher.answer(failing()), batcher.answer(ready(1)), return_exceptions=True
        )

    _, (failed, answered) = run(body, wait_ms=10_000)
    assert isinstance(failed, OSError)
    assert answered == 2


def test_items_gather_while_a_batch_is_predicted_and_no_batch_is_larger_than_allowed():
    async def body(batcher, network):
        network.seconds = 0.05
        first = asyncio.create_task(batcher.answer(ready(0)))
        await asyncio.sleep(0.02)
        return [await first, *await asyncio.gather(*(batcher.answer(ready(i)) for i in range(1, 8)))]

    network, answers = run(body, most=3)
    assert network.batches == [[0], [1, 2, 3], [4, 5, 6], [7]]
    assert answers == [2 * i for i in range(8)]


def test_one_that_fails_does_not_spoil_the_others():
    async def body(batcher, network):
        items = [1, "bad", 3]
        return await asyncio.gather(*(batcher.answer(ready(i)) for i in items), return_exceptions=True)

    _, (first, bad, third) = run(body)
    assert (first, third) == (2, 6)
    assert isinstance(bad, ValueError)


def test_what_was_given_up_is_not_predicted():
    async def body(batcher, network):
        network.seconds = 0.05
        first = asyncio.create_task(batcher.answer(ready(0)))
        await asyncio.sleep(0.01)
        given_up = asyncio.create_task(batcher.answer(ready(1)))
        await asyncio.sleep(0.01)
        given_up.cancel()
        await first
        await asyncio.sleep(0.02)

    network, _ = run(body)
    assert network.batches == [[0]]


@pytest.mark.parametrize("wrong", [{"most": 0}, {"wait_ms": -1}, {"wait_ms": 1e9}])
def test_impossible_batching_is_refused(wrong):
    with pytest.raises(ValueError, match="max_"):
        Batching(**wrong)
