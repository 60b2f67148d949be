"""Workers: each thread computes on one core, and results come in the order of the tasks."""

import pytest
import torch

from tellapart.runtime.workers import workers


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
