"""Pipes, devices, sockets and folders in the place of files: skipped or refused with the reason, never waited for."""

import os
import socket
import time

import pytest
from command_line import SMALL, in_own_process, tellapart

from tellapart.data.decode import decode, image_shape
from tellapart.data.decoding import limits
from tellapart.errors import PictureError


def make_pipe(path):
    os.mkfifo(path)


def make_link_to(target):
    return lambda path: path.symlink_to(target)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


ODD = {
    "named pipe": make_pipe,
    "device": make_link_to("/dev/zero"),
    "socket": make_socket,
}
"""What is not a regular file, by the word for it."""


@pytest.fixture
def odd_folder(pictures):
    """A folder of pictures with one of each among them, and a folder named like a picture."""
    for number, make in enumerate(ODD.values()):
        make(pictures / "dark" / f"odd{number}.png")
    (pictures / "light" / "folder.png").mkdir()
    return pictures


@pytest.mark.parametrize("kind", ODD)
def test_a_picture_that_is_no_file_is_refused_at_once(tmp_path, kind):
    ODD[kind](tmp_path / "x.png")
    for read in (decode, image_shape):
        with pytest.raises(PictureError, match=rf"x\.png: .*a {kind}, not a regular file"):
            read(tmp_path / "x.png")


def test_a_picture_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "x.png").mkdir()
    with pytest.raises(PictureError, match="a folder, not a regular file"):
        decode(tmp_path / "x.png")


def test_a_file_of_a_terabyte_is_refused_unread(tmp_path):
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(PictureError, match=r"x\.png: 1,000,000,000,000 bytes; at most 300,000,000 are read"):
        decode(tmp_path / "x.png")


def test_the_largest_uncompressed_picture_is_small_enough():
    assert 3 * limits.LARGEST_PIXELS < limits.LARGEST_FILE


def test_what_starts_another_program_is_no_picture():
    """PostScript: Pillow would hand it to Ghostscript."""
    with pytest.raises(PictureError, match="a PostScript file, a format that is not read"):
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")


def test_predict_skips_them_in_a_folder(run, odd_folder):
    result = in_own_process("predict", run, odd_folder, "--json")
    assert result.code == 0, result.err
    assert len(result.json["predictions"]) == 40
    reasons = sorted(row["reason"].partition(": ")[2] for row in result.json["unreadable"])
    assert reasons == sorted(f"a {kind}, not a regular file." for kind in ODD)
    assert "Skipped: " in result.err


def test_train_leaves_them_out(odd_folder, tmp_path):
    result = in_own_process("train", odd_folder, *SMALL, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    for kind in ODD:
        assert f"a {kind}, not a regular file" in result.out + result.err


def test_evaluate_and_explain_leave_them_out(run, odd_folder, tmp_path):
    result = in_own_process("evaluate", run, odd_folder, "--split", "train", "--json")
    assert result.code == 0, result.err
    pipe = odd_folder / "dark" / "odd0.png"
    result = in_own_process(
        "explain", run, pipe, odd_folder / "dark" / "0.png", "--quick", "--out", tmp_path / "pages"
    )
    assert result.code == 3
    assert "a named pipe, not a regular file" in result.err
    assert len(list((tmp_path / "pages").iterdir())) == 1


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    "command",
    [
        ("predict", "{odd}"),
        ("predict", "{run}", "{odd}"),
        ("predict", "{odd}", "{picture}"),
        ("train", "{odd}"),
        ("train", "{folder}", "--labels", "{odd}"),
        ("train", "--resume", "{odd}"),
        ("evaluate", "{run}", "{odd}"),
        ("evaluate", "{odd}", "{folder}"),
        ("explain", "{odd}"),
        ("report", "{odd}"),
        ("summary", "{odd}"),
        ("data", "{odd}"),
    ],
    ids=" ".join,
)
def test_commands_refuse_them_at_once(run, folder, tmp_path, kind, command):
    ODD[kind](tmp_path / "odd")
    words = {"odd": tmp_path / "odd", "run": run, "folder": folder, "picture": folder / "dark" / "0.png"}
    began = time.monotonic()
    result = tellapart(*(word.format(**words) for word in command))
    assert result.code in (1, 2, 3)
    assert time.monotonic() - began < 10
    assert "odd" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".keras", ".h5", ".tar.gz"])
@pytest.mark.parametrize("kind", ODD)
def test_so_are_they_under_any_name(run, folder, tmp_path, kind, suffix):
    odd = tmp_path / f"odd{suffix}"
    ODD[kind](odd)
    for arguments in (("train", odd), ("predict", odd, folder / "dark" / "0.png"), ("evaluate", run, odd)):
        result = tellapart(*arguments)
        assert result.code in (1, 2, 3)
        assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "name",
    [
        "train-images-idx3-ubyte",
        "train-0.parquet",
        "data_batch_1.bin",
        "data_batch_1",
        "cifar-10-binary.tar.gz",
    ],
)
def test_so_are_they_in_a_folder_of_a_known_set(tmp_path, name):
    make_pipe(tmp_path / name)
    result = tellapart("train", tmp_path)
    assert result.code == 3
    assert "Traceback" not in result.err


NOWHERE = {
    "the home of nobody": "~nobody-of-this-name/x",
    "a link to itself": "{loop}",
    "below a link to itself": "{loop}/x",
    "a zero byte": "a\0b",
    "a name of 5,000 letters": "x" * 5000,
}
"""Paths at which nothing can lie."""


@pytest.mark.parametrize("odd", NOWHERE.values(), ids=NOWHERE)
@pytest.mark.parametrize(
    "command",
    [
        ("train", "{odd}"),
        ("train", "{folder}", "--labels", "{odd}"),
        ("train", "{folder}", "--backbone", "{odd}"),
        ("train", "{folder}", "--backbone", "MobileNetV2={odd}"),
        ("train", "--resume", "{odd}"),
        ("evaluate", "{run}", "{odd}"),
        ("evaluate", "{run}", "{folder}", "--labels", "{odd}"),
        ("predict", "{run}", "{odd}"),
        ("predict", "{odd}"),
        ("explain", "{odd}"),
        ("report", "{odd}"),
        ("summary", "{odd}"),
        ("data", "show", "{odd}"),
    ],
    ids=" ".join,
)
def test_paths_at_which_nothing_can_lie_are_refused(run, folder, tmp_path, odd, command):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    words = {"run": run, "folder": folder, "odd": odd.format(loop=tmp_path / "loop")}
    result = tellapart(*(word.format(**words) for word in command))
    assert result.code in (1, 2, 3)
    assert "Traceback" not in result.err


def test_a_known_set_is_not_looked_for_in_the_home_of_nobody(monkeypatch):
    monkeypatch.setenv("TELLAPART_DATA", "~nobody-of-this-name")
    assert "this folder does not exist" in tellapart("train", "cifar10").err
