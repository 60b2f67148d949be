"""Threads: one for little work, and afterward as many as before."""

import threading

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from tellapart.api.listener import Listener
from tellapart.api.report import report
from tellapart.api.train import train
from tellapart.runtime.threads import LITTLE_WORK, one_blas_thread, threads_for


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("flops", "threads"), [(0, 1), (LITTLE_WORK - 1, 1), (LITTLE_WORK, 3), (1e15, 3)])
def test_little_work_is_done_by_one_thread(flops, threads):
    with threads_for(flops):
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 3


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_small_products_of_numpy_run_on_one_thread_and_torch_keeps_its_own():
    with threadpool_limits(2, "blas"):
        with one_blas_thread():
            assert blas_threads() == {1}
            assert torch.get_num_threads() == 3
        assert blas_threads() == {2}


def test_an_error_leaves_the_threads_as_they_were():
    with pytest.raises(KeyError), threads_for(0):
        raise KeyError
    assert torch.get_num_threads() == 3


def test_of_two_that_overlap_whichever_ends_leaves_what_was_set_before_the_first():
    first, second = threads_for(0), threads_for(0)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert torch.get_num_threads() == 3


def test_trainings_in_two_threads_leave_both_and_later_ones_as_many_as_before():
    inside, go_on, counts = threading.Event(), threading.Event(), {}

    def longer():
        with threads_for(0):
            inside.set()
            go_on.wait(60)
            counts["within"] = torch.get_num_threads()
        counts["after"] = torch.get_num_threads()

    thread = threading.Thread(target=longer)
    thread.start()
    inside.wait(60)
    with threads_for(0):
        go_on.set()
        thread.join()
    assert counts == {"within": 1, "after": 3}
    assert torch.get_num_threads() == 3


class ThreadCounter(Listener):
    def __init__(self):
        self.threads = set()

    def event(self, event):
        self.threads.add(torch.get_num_threads())


@pytest.mark.parametrize(("batch_size", "threads"), [(8, 1), (64, 3)])
def test_a_training_takes_the_threads_of_its_steps_work(batch_size, threads, tmp_path):
    """16 x 16 pixels: 0.18 and 1.5 GFLOP a step."""
    images = np.random.default_rng(0).integers(0, 256, (100, 16, 16, 1), np.uint8)
    counter = ThreadCounter()
    train(
        images,
        labels=np.arange(100) % 2,
        class_names=["a", "b"],
        recipe="quick",
        epochs=1,
        batch_size=batch_size,
        predictions=0,
        out=tmp_path / "run",
        listener=counter,
    )
    assert counter.threads == {threads}
    assert report(tmp_path / "run").facts["cost"]["hardware"]["threads"] == threads
    assert torch.get_num_threads() == 3
