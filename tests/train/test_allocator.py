"""Memory is kept within a training and given back after it."""

import platform
from pathlib import Path

import pytest
import torch

from tellapart.train import allocator
from tellapart.train.allocator import memory_kept

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
MEBIBYTES = 96


def resident():
    """MiB of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@on_glibc
def test_freed_memory_stays_within_the_block_and_goes_after_it():
    before = resident()
    with memory_kept():
        tensor = torch.ones(MEBIBYTES * 2**18)
        del tensor
        assert resident() - before > 0.8 * MEBIBYTES
    assert resident() - before < 0.3 * MEBIBYTES


@on_glibc
def test_of_two_trainings_the_one_that_ends_first_leaves_the_other_its_memory(monkeypatch):
    told = []
    monkeypatch.setattr(allocator, "_set", told.append)
    outer, inner = memory_kept(), memory_kept()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert told == [allocator._KEEPING] * 2
    inner.__exit__(None, None, None)
    assert told[-1] is allocator._AS_BEFORE


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "_glibc", lambda: None)
    with memory_kept():
        assert torch.ones(3).sum() == 3
