"""The lock of a run folder: one writer, the others are told who, and a dead holder's lock is free."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from tellapart.errors import ConfigError, SaveError
from tellapart.runs.lock import HOLDER, LOCK, MARKER, holder_of, locked, refuse_held

fcntl = pytest.importorskip("fcntl", reason="Windows has other locks, which filelock tests")

HOLD = """
import errno, fcntl, os, sys, time
from pathlib import Path
from tellapart.runs.lock import locked
if len(sys.argv) > 2:
    def lacks(*_):
        raise OSError(int(sys.argv[2]), "no locks here")
    fcntl.flock = lacks
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def holder(tmp_path):
    """Return a function that starts a process which holds the lock of `tmp_path`."""
    started = []

    def hold(*arguments):
        words = [sys.executable, "-c", HOLD, str(tmp_path), *map(str, arguments)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n", process.stderr.read()
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def is_free(folder):
    with locked(folder):
        return True


def test_a_second_process_is_told_who_holds_the_folder(tmp_path, holder):
    process = holder()
    with pytest.raises(
        ConfigError, match=f"is in use: process {process.pid} on .*, since 20.*Wait for its end"
    ):
        is_free(tmp_path)
    with pytest.raises(ConfigError, match=f"process {process.pid}"):
        refuse_held(tmp_path)


def test_the_lock_of_a_killed_process_is_free(tmp_path, holder):
    process = holder()
    process.send_signal(signal.SIGKILL)
    process.wait()
    refuse_held(tmp_path)
    assert is_free(tmp_path)


def test_the_lock_is_free_after_the_block_and_after_an_error_in_it(tmp_path):
    with pytest.raises(RuntimeError), locked(tmp_path):
        raise RuntimeError
    assert is_free(tmp_path)
    assert not (tmp_path / ".lock-holder.json").exists()


def test_within_one_process_the_folder_is_held_too(tmp_path):
    with locked(tmp_path), pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        is_free(tmp_path)


WITHOUT = [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL]


@pytest.fixture(params=WITHOUT, ids=errno.errorcode.get)
def without_locks(request, monkeypatch):
    """A file system without locks, as some network drives are."""

    def lacks(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", lacks)
    return request.param


def test_without_system_locks_a_marker_stands_for_one(tmp_path, holder, without_locks):
    process = holder(without_locks)
    told = f"process {process.pid} on .*If that process is gone, delete {tmp_path / MARKER}"
    with pytest.raises(ConfigError, match=told):
        is_free(tmp_path)
    assert (tmp_path / MARKER).exists()


def test_a_dead_processs_marker_is_removed(tmp_path, holder, without_locks):
    process = holder(without_locks)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / MARKER).exists()
    assert is_free(tmp_path)
    assert not (tmp_path / MARKER).exists()


def test_another_machines_marker_stays(tmp_path, without_locks):
    (tmp_path / MARKER).write_text("4242\nelsewhere\n")
    with pytest.raises(ConfigError, match="If that process is gone, delete"):
        is_free(tmp_path)
    assert (tmp_path / MARKER).read_text() == "4242\nelsewhere\n"


def test_a_damaged_note_of_the_holder_is_no_traceback(tmp_path, holder):
    holder()
    for content in (b"", b"[]", b"\xff", json.dumps({"process": 1}).encode()):
        (tmp_path / ".lock-holder.json").write_bytes(content)
        with pytest.raises(ConfigError, match="is in use: another process, is training there"):
            is_free(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused_in_words(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(SaveError, match=r"cannot be locked .*and run the command again"):
            is_free(tmp_path)
        refuse_held(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_pipe_in_place_of_the_lock_is_not_waited_for(tmp_path):
    holder = {"process": 1, "machine": "another", "since": "2026-11-30 10:00:00"}
    (tmp_path / HOLDER).write_text(json.dumps(holder))
    os.mkfifo(tmp_path / LOCK)
    assert holder_of(tmp_path) == holder  # whether it lives, nothing tells
