"""Processes of one start agree on a name, whatever earlier ones left in the store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import HashStore

from tellapart.runtime.meeting import meet

SOON = timedelta(seconds=5)


def all_meet(store, size):
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: meet(store, rank, size, SOON), reversed(range(size))))


def test_processes_agree_on_a_name():
    assert len(set(all_meet(HashStore(), 4))) == 1


def test_a_later_start_agrees_on_another_name():
    store = HashStore()
    first, second = all_meet(store, 3), all_meet(store, 3)
    assert len(set(second)) == 1
    assert set(first).isdisjoint(second)


def test_a_process_does_not_take_up_what_ended_processes_agreed_upon():
    store = HashStore()
    all_meet(store, 2)
    with pytest.raises(RuntimeError, match="not all of the 2 processes came within 0 seconds"):
        meet(store, 1, 2, timedelta(seconds=0.2))


def test_fewer_processes_than_before_meet(tmp_path):
    store = HashStore()
    all_meet(store, 4)
    assert len(set(all_meet(store, 2))) == 1
