"""Tensor files that are no files."""

import os

import pytest

from tellapart.runs.tensors_file import UnreadableTensorsError, read_tensors


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "last.safetensors")
    with pytest.raises(UnreadableTensorsError, match="a named pipe, not a regular file"):
        read_tensors(tmp_path / "last.safetensors")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "last.safetensors")
