"""A thread has a micro-batch within the block only, and no other thread sees it."""

import threading

import pytest
import torch

from tellapart.lowering.microbatch import MicroBatch, current_micro_batch, enter_micro_batch


def test_a_micro_batch_is_left_with_the_block_after_an_error_too():
    part, seen = MicroBatch(0.5, torch.Generator()), []
    with pytest.raises(ZeroDivisionError), enter_micro_batch(part):
        seen.append(current_micro_batch()) or 1 / 0
    assert seen == [part]
    assert current_micro_batch() is None


def test_another_thread_does_not_see_it():
    seen = []
    with enter_micro_batch(MicroBatch(0.5, torch.Generator())):
        thread = threading.Thread(target=lambda: seen.append(current_micro_batch()))
        thread.start()
        thread.join()
    assert seen == [None]
