"""`predict --out`: real processes, killed at any moment; the same command ends in the same bytes."""

import errno
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import in_own_process, make_pictures, tellapart

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")


@pytest.fixture(autouse=True)
def heard():
    """Ctrl-C as at a terminal: in the background it is ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


FEW_AT_ONCE = """
import os, sys, time
from tellapart.volume import job, pipeline
from tellapart.cli.main import main

job.PICTURES_AT_ONCE, read, pause = 10, pipeline._read, float(sys.argv[1])

def slowly(*arguments):
    time.sleep(pause)
    return read(*arguments)

pipeline._read = slowly
sys.exit(main(sys.argv[2:]))
"""
"""Ten pictures go through the network together, and each is decoded after a pause: there is time to be killed in."""


def started(*arguments, pause=0.0):
    words = [sys.executable, "-c", FEW_AT_ONCE, str(pause), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, **pipes, env=dict(os.environ))  # not readline's COLUMNS


def finished(*arguments, pause=0.0):
    process = started(*arguments, pause=pause)
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def parts_of(out):
    return len(list(out.with_name(f"{out.name}.partial").glob("part-*")))


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """300 pictures, of which two cannot be read."""
    folder = make_pictures(tmp_path_factory.mktemp("many") / "pictures", {"dark": 150, "light": 148})
    (folder / "bad.png").write_bytes(b"not a picture")
    (folder / "light" / "cut.png").write_bytes((folder / "light" / "1.png").read_bytes()[:90])
    return folder


@pytest.mark.parametrize(
    ("ending", "kills"),
    [
        pytest.param(".csv", 2, marks=pytest.mark.long),
        pytest.param(".jsonl", 1, marks=pytest.mark.long),
        (".parquet", 1),
    ],
)
def test_killed_again_and_again_it_ends_in_the_same_bytes(ending, kills, many, tmp_path):
    whole, out = tmp_path / f"whole{ending}", tmp_path / f"rows{ending}"
    assert finished("predict", "digits", many, "--out", whole)[0] == 0
    chance, seen = random.Random(ending), []
    for _ in range(kills):
        before, process = parts_of(out), started("predict", "digits", many, "--out", out, pause=0.01)
        while process.poll() is None and parts_of(out) < before + chance.randint(1, 5):
            time.sleep(0.002)
        time.sleep(chance.random() / 20)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not out.exists()
        seen.append(parts_of(out))
        process.communicate()
    assert seen == sorted(set(seen))  # each got further
    code, _, err = finished("predict", "digits", many, "--out", out)
    assert code == 0, err
    assert f"Going on after {10 * seen[-1]} of 300 pictures" in err
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [out.name, whole.name]
    assert not out.with_name(f"{out.name}.partial").exists()


@pytest.fixture(scope="session")
def forty(tmp_path_factory):
    """40 pictures, and the bytes of the file of their predictions."""
    place = tmp_path_factory.mktemp("forty")
    pictures = make_pictures(place / "pictures", {"dark": 20, "light": 20})
    code, _, err = finished("predict", "digits", pictures, "--out", place / "whole.csv")
    assert code == 0, err
    return pictures, (place / "whole.csv").read_bytes()


KILLED = """
import os, signal, sys
from tellapart.cli.main import main
from tellapart.volume import job

job.PICTURES_AT_ONCE, name, number, calls = 10, sys.argv[1], int(sys.argv[2]), []
function = getattr(os, name)

def killing(*arguments, **named):
    calls.append(None)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments, **named)

setattr(os, name, killing)
sys.exit(main(sys.argv[3:]))
"""


AT = [("replace", 1), ("replace", 2), ("fsync", 1), ("fsync", 8), ("unlink", 3)]
AT += [("replace", number) for number in (7, 8, 9)]


@pytest.mark.parametrize(("name", "number"), AT)
def test_killed_at_each_step_of_its_files_it_goes_on(name, number, forty, tmp_path):
    """Forty pictures: list, job, four parts, whole file, its record, its place; then the folder is removed."""
    pictures, whole = forty
    command = ("predict", "digits", pictures, "--out", tmp_path / "rows.csv")
    words = [sys.executable, "-c", KILLED, name, str(number), *map(str, command)]
    assert subprocess.run(words, capture_output=True, timeout=100).returncode == -signal.SIGKILL
    code, _, err = finished(*command)
    assert code == 0, err
    assert (tmp_path / "rows.csv").read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "rows.csv"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_says_how_to_go_on(number, code, many, tmp_path):
    out = tmp_path / "rows.csv"
    process = started("predict", "digits", many, "--out", out, pause=0.02)
    while process.poll() is None and parts_of(out) < 3:
        time.sleep(0.005)
    process.send_signal(number)
    printed, err = process.communicate(timeout=20)
    assert (process.returncode, printed) == (code, ""), err
    (done,) = re.findall(
        r"Stopped after (\d+) of 300 pictures. Their rows are safe; run the same command again", err
    )
    assert 30 <= int(done) == 10 * parts_of(out)
    assert "Traceback" not in err
    assert finished("predict", "digits", many, "--out", out)[0] == 0


def test_where_the_disk_is_full_it_says_so_and_goes_on_later(many, tmp_path, monkeypatch):
    monkeypatch.setattr("tellapart.volume.job.PICTURES_AT_ONCE", 10)
    write, calls = Path.write_bytes, []

    def full(place, content):
        calls.append(place)
        if len(calls) == 4:
            write(place, content[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(place, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        stopped = tellapart("predict", "digits", many, "--out", tmp_path / "rows.csv")
    assert stopped.code == 1
    assert "Stopped after 30 of 300 pictures. Their rows are safe; run the same command again" in stopped.err
    assert "could not be written (No space left on device)" in stopped.err
    assert (
        "Going on after 30 of 300" in tellapart("predict", "digits", many, "--out", tmp_path / "rows.csv").err
    )
    assert tellapart("predict", "digits", many, "--out", tmp_path / "whole.csv").code == 0
    assert (tmp_path / "rows.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_two_processes_do_not_write_one_file(many, tmp_path):
    command = ("predict", "digits", many, "--out", tmp_path / "rows.csv")
    first = started(*command, pause=0.02)
    while first.poll() is None and not parts_of(tmp_path / "rows.csv"):
        time.sleep(0.005)
    second = in_own_process(*command)
    assert second.code == 2
    assert f"is in use: process {first.pid} on " in " ".join(second.err.split())
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_what_it_says_of_a_folder(many, tmp_path):
    (many / "notes.txt").write_text("x")
    try:
        done = tellapart("predict", "digits", many, "--out", tmp_path / "rows.jsonl")
    finally:
        (many / "notes.txt").unlink()
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        f"Skipped 1 non-picture file: {many}/notes.txt",
        "2 pictures could not be read; the rows say why.",
        f"298 predictions written to {tmp_path}/rows.jsonl",
    ]
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert sum("error" in row for row in rows) == 2


def test_a_picture_named_by_itself_that_cannot_be_read_is_bad_data(many, tmp_path):
    done = tellapart("predict", "digits", many / "bad.png", many / "dark", "--out", tmp_path / "rows.csv")
    assert done.code == 3
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 152


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "rows.csv", "--csv", "other.csv"), "Choose --out or --csv, not both."),
        (("--out", "rows.csv", "--json"), "Choose --out or --json, not both. --out FILE.jsonl"),
        (
            ("--workers", "2"),
            "--workers is for predictions that are written to a file: give --out FILE.csv too.",
        ),
        (("--out", "rows.txt"), "Accepted: .csv, .jsonl, .parquet"),
        (("--out", "rows"), "no ending is none that is known"),
    ],
)
def test_a_bad_combination_is_a_usage_error_in_a_paragraph(options, said, many):
    done = tellapart("predict", "digits", many, *options)
    assert done.code == 2
    assert said in done.err
    assert list(Path.cwd().iterdir()) == []


def test_of_very_many_pictures_the_option_is_pointed_out(many, monkeypatch):
    assert "--out" not in tellapart("predict", "digits", many / "dark", "--csv", "-").err
    monkeypatch.setattr("tellapart.cli.terminal.volume.MANY", 150)
    assert (
        "150 pictures: their predictions" in tellapart("predict", "digits", many / "dark", "--csv", "-").err
    )


def test_progress_has_pace_and_time_left(many, tmp_path, monkeypatch):
    monkeypatch.setattr("tellapart.volume.job.PICTURES_AT_ONCE", 50)
    monkeypatch.setattr("tellapart.cli.terminal.progress.SECONDS_BETWEEN_LINES", 0.0)
    done = tellapart("predict", "digits", many, "--out", tmp_path / "rows.csv")
    assert re.search(r"^\d+ of 300 pictures, [\d,.]+ pictures/s, 1 second left$", done.err, re.MULTILINE)
    quiet = tellapart("predict", "digits", many, "--out", tmp_path / "quiet.csv", "--quiet")
    assert "pictures/s" not in quiet.err
