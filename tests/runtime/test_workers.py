"""Workers: each thread computes on one core, and results come in the order of the tasks."""

import pytest
import torch

from tellapart.runtime.workers import only_workers_share, workers


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_each_worker_computes_on_one_thread_and_the_caller_keeps_its_own():
    pool = workers()
    assert pool.count == 3
    assert pool.map(lambda _: torch.get_num_threads(), range(6)) == [1] * 6
    assert torch.get_num_threads() == 3


def test_results_come_in_the_order_of_the_tasks_and_errors_reach_the_caller():
    assert workers().map(lambda task: task + 1, range(9)) == list(range(1, 10))
    with pytest.raises(ZeroDivisionError):
        workers().map(lambda task: 1 / task, [1, 0, 2])


def test_within_the_block_workers_alone_use_several_cores():
    pool = workers()
    with only_workers_share(), only_workers_share():
        assert torch.get_num_threads() == 1
        assert workers() is pool
        assert pool.map(lambda _: torch.get_num_threads(), range(3)) == [1] * 3
    assert torch.get_num_threads() == 3
    assert workers() is pool


def test_the_setting_comes_back_after_an_error():
    with pytest.raises(ZeroDivisionError), only_workers_share():
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 3
