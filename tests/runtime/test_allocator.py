"""Freed memory stays in the process within the block, and goes back to the system after it."""

import platform
import subprocess
import sys

import pytest
import torch

from tellapart.runtime import allocator
from tellapart.runtime.allocator import keep_freed_memory

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")

IN_A_PROCESS_OF_ITS_OWN = """
import sys, time
from pathlib import Path
import torch
from tellapart.runtime.allocator import keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

before = resident()
with keep_freed_memory():
    tensor = torch.ones(96 * 2**18)
    del tensor
    time.sleep(float(sys.argv[1]))
    print(resident() - before)
print(resident() - before)
"""
"""Prints MiB of memory more than at the start. Elsewhere, freed memory of other tests could serve."""


def more_than_at_the_start(seconds):
    """Return MiB within a block of so many seconds, and after it."""
    command = [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, str(seconds)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    within, after = map(float, process.stdout.split())
    return within, after


@on_glibc
def test_96_mebibytes_freed_stay_within_the_block_and_go_after_it():
    within, after = more_than_at_the_start(allocator.SHORT_SECONDS)
    assert within > 80
    assert after < 30


@on_glibc
def test_after_a_short_block_they_stay_for_the_next(monkeypatch):
    returned = []
    monkeypatch.setattr(allocator, "_return_freed_memory", lambda: returned.append(True))
    with keep_freed_memory():
        pass
    assert not returned
    monkeypatch.setattr(allocator, "SHORT_SECONDS", 0.0)
    with keep_freed_memory():
        pass
    assert returned


@on_glibc
def test_of_two_trainings_the_one_that_ends_first_leaves_the_other_its_memory(monkeypatch):
    settings = []
    monkeypatch.setattr(allocator, "_set", settings.append)
    outer, inner = keep_freed_memory(), keep_freed_memory()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert settings == [allocator._KEEPING] * 2
    inner.__exit__(None, None, None)
    assert settings[-1] is allocator._DEFAULTS


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator, "_glibc", lambda: None)
    with keep_freed_memory():
        assert torch.ones(3).sum() == 3
