"""Files are written whole or not at all; checked against a real full disk where one can be mounted."""

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tellapart.errors import DataError, SaveError
from tellapart.files import move_together, sync_folder, write_text, write_whole


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_ordinary_permissions(tmp_path):
    write_text(tmp_path / "deep" / "note.txt", "hello")
    path = tmp_path / "deep" / "note.txt"
    assert path.read_text() == "hello"
    (tmp_path / "other.txt").write_text("")
    assert path.stat().st_mode == (tmp_path / "other.txt").stat().st_mode


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "note.txt", "old")

    def fail(place):
        place.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(SaveError, match=r"No space left on device.*Nothing half-written"):
        write_whole(tmp_path / "note.txt", fail)
    assert (tmp_path / "note.txt").read_text() == "old"
    assert names_in(tmp_path) == ["note.txt"]


def test_what_a_writer_says_itself_is_not_called_a_failed_save(tmp_path):
    def write(place):
        place.write_text("half")
        raise DataError("no pictures")

    with pytest.raises(DataError, match=r"^no pictures$"):
        write_whole(tmp_path / "list", write)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_what_a_library_writes_beside_its_file(tmp_path):
    """safetensors writes to `.tmpLVkEfF` beside its file and renames that."""

    def write(place):
        place.with_name(".tmpLVkEfF").write_text("half")
        place.write_text("whole")

    write_whole(tmp_path / "note.txt", write)
    assert (tmp_path / "note.txt").read_text() == "whole"
    assert names_in(tmp_path) == ["note.txt"]


def test_a_disk_that_lists_no_folder_leaves_none_behind(tmp_path, monkeypatch):
    """The temporary folder is empty once its file has been renamed, so it need not be listed."""

    def fail(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as failing:
        failing.setattr(Path, "iterdir", fail)
        write_text(tmp_path / "note.txt", "hello")
    assert names_in(tmp_path) == ["note.txt"]


@pytest.fixture
def calls(monkeypatch):
    """What a save asks of the system, in order: ("fsync", inode) and ("rename", final name)."""
    calls = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(handle):
        calls.append(("fsync", os.fstat(handle).st_ino))
        fsync(handle)

    def watched_replace(start, end):
        calls.append(("rename", os.fspath(end)))
        replace(start, end)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    return calls


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot flush a folder")
def test_a_save_survives_a_power_cut(tmp_path, calls):
    """The file is on the disk before it gets its name, and the folder after that."""
    path = tmp_path / "note.txt"
    write_text(path, "hello")
    file, folder = path.stat().st_ino, tmp_path.stat().st_ino
    assert calls == [("fsync", file), ("rename", str(path)), ("fsync", folder)]


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot flush a folder")
def test_new_folders_survive_a_power_cut_too(tmp_path, calls):
    """Each is flushed into the list of names of the one above it."""
    path = tmp_path / "runs" / "cats" / "note.txt"
    write_text(path, "hello")
    flushed = [which for call, which in calls if call == "fsync"]
    assert set(flushed) == {path.stat().st_ino, *(place.stat().st_ino for place in path.parents[:3])}


def test_no_folder_is_flushed_where_the_system_cannot(tmp_path, monkeypatch, calls):
    with monkeypatch.context() as windows:
        windows.setattr(os, "name", "nt")
        sync_folder(tmp_path)
    assert calls == []


@pytest.mark.skipif(os.name != "posix", reason="Windows flushes no folder at all")
def test_a_drive_that_cannot_flush_a_folder_is_no_failed_save(tmp_path, monkeypatch):
    """As some network drives answer."""
    flush = os.fsync

    def refuse_folders(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        flush(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_text(tmp_path / "note.txt", "hello")
    assert (tmp_path / "note.txt").read_text() == "hello"


def test_a_full_disk_while_saving_a_model_leaves_nothing_half_written(tmp_path):
    """The kernel's own limit on file size stands for a full disk: the same write fails in the same place."""
    script = f"""
import resource
from pathlib import Path
from tellapart.classifier.card import ModelCard
from tellapart.classifier.model_file import save_h5, save_keras
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import DataError, SaveError
from tellapart.models.first_cnn import first_cnn
model = first_cnn((16, 16, 1), 3)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
card = ModelCard(("a", "b", "c"), Preprocessing(height=16, width=16, channels=1))
for save, name, rest in ((save_keras, "m.keras", (card,)), (save_h5, "m.h5", ())):
    try:
        save(model, Path({str(tmp_path)!r}) / name, *rest)
    except SaveError as reason:
        print("refused:", reason)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused:") == 2
    assert done.stdout.count("Nothing half-written was left") == 2
    assert names_in(tmp_path) == []


def test_a_place_that_is_a_file_is_refused_in_words(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SaveError, match="could not be written"):
        write_text(Path(tmp_path / "taken" / "note.txt"), "x")


@pytest.mark.skipif(os.name != "posix", reason="only POSIX locks a folder")
def test_files_of_two_writers_to_the_same_place_are_not_mixed(tmp_path, monkeypatch):
    replace, names = os.replace, ("net.bin", "net.xml")

    def slowly(source, target):
        replace(source, target)
        time.sleep(0.05)

    monkeypatch.setattr(os, "replace", slowly)

    def write(writer):
        folder = tmp_path / writer
        folder.mkdir()
        for name in names:
            (folder / name).write_text(writer)
        started.wait()
        move_together([(folder / name, tmp_path / name) for name in names])

    for turn in range(3):
        started = threading.Barrier(2)
        writers = [threading.Thread(target=write, args=(f"{turn}-{i}",)) for i in range(2)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        assert len({(tmp_path / name).read_text() for name in names}) == 1
