"""Large images: at most one in memory, however many threads decode; small ones do not wait."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tellapart.untrusted.large_images import LARGE_PIXELS, large_images_alone, wait_until_alone


class Counter:
    """How many threads are inside at once, at most."""

    def __init__(self):
        self.inside, self.most, self.lock = 0, 0, threading.Lock()

    def stay(self):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.01)
        with self.lock:
            self.inside -= 1


@pytest.mark.parametrize(("pixels", "at_once"), [(LARGE_PIXELS + 1, 1), (LARGE_PIXELS, 4)])
def test_large_images_are_decoded_one_at_a_time(pixels, at_once):
    counter, begun = Counter(), threading.Barrier(4)

    def decode(_):
        with large_images_alone():
            begun.wait()
            wait_until_alone(pixels)
            counter.stay()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(decode, range(8)))
    assert counter.most == at_once


def test_an_error_lets_the_next_one_go_on():
    def fail():
        with large_images_alone():
            wait_until_alone(LARGE_PIXELS + 1)
            raise ValueError("damaged")

    for _ in range(2):
        with pytest.raises(ValueError, match="damaged"):
            fail()


def test_outside_a_block_nobody_waits():
    with large_images_alone():
        wait_until_alone(LARGE_PIXELS + 1)
        with ThreadPoolExecutor(1) as threads:
            threads.submit(wait_until_alone, LARGE_PIXELS + 1).result(5)
