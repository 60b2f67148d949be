"""`train` in several processes: the result of one, one that prints and saves, and a run that survives any of them."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from team_of import SOURCE, run_together

import tellapart
from tellapart.runs.event_log import LOG, read_log

SETTINGS = [
    "--recipe", "quick", "--size", "16", "--epochs", "3", "--batch-size", "8", "--validation-share", "0.2",
    "--set", "statistics_over=4", "--set", "pictures_per_epoch=24", "--precision", "float32",
]  # fmt: skip


def arguments(data, out, *more):
    return ["-m", "tellapart", "train", str(data), *SETTINGS, "--out", str(out), *more]


def started(data, out, *more, **streams):
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(
        [sys.executable, *arguments(data, out, *more)], env=variables, text=True, **streams
    )


def weights_of(run):
    return [weight.numpy() for weight in tellapart.load(run).model.weights]


@pytest.fixture(scope="module")
def alone(color_photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "run"
    run_together(1, *arguments(color_photos, out, "--quiet"))
    return out


@pytest.fixture(scope="module")
def together(color_photos, tmp_path_factory):
    """A run of two processes, and what they printed."""
    out = tmp_path_factory.mktemp("together") / "run"
    done = started(color_photos, out, "--processes", "2", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    printed, noted = done.communicate(timeout=240)
    assert done.returncode == 0, noted
    return out, printed, noted


def test_two_processes_learn_what_one_would_to_the_bit(alone, together):
    for one, two in zip(weights_of(alone), weights_of(together[0]), strict=True):
        np.testing.assert_array_equal(two, one)


def test_processes_may_have_different_numbers_of_parts(color_photos, tmp_path):
    """Three parts of a batch on two processes: one has two of them."""
    for name, processes in (("one", "1"), ("two", "2")):
        given = arguments(color_photos, tmp_path / name, "--epochs", "1", "--quiet", "--processes", processes)
        run_together(1, *("statistics_over=3" if each == "statistics_over=4" else each for each in given))
    assert not (tmp_path / "two" / ".launch").exists()
    for one, two in zip(weights_of(tmp_path / "one"), weights_of(tmp_path / "two"), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-3, atol=1e-6)


def test_two_processes_score_what_one_would(alone, together):
    scored = [
        [event for event in read_log(run / LOG)[0] if event["event"] == "Scored"][-1]
        for run in (alone, together[0])
    ]
    assert scored[1]["accuracy"] == scored[0]["accuracy"]


def test_only_the_first_process_prints_and_saves(together):
    out, printed, noted = together
    assert printed.count("Test accuracy") == 1
    assert noted.count("2 processes share each batch of 8 pictures, 4 each") == 1
    assert [place.name for place in out.parent.iterdir()] == ["run"]


def test_the_log_says_how_many_processes_trained(together):
    events = [event for event in read_log(together[0] / LOG)[0] if event["event"] == "Team"]
    assert [event["processes"] for event in events] == [2]
    assert events[0]["batch_statistics_over"] == 4


def test_a_wrong_setting_is_said_once(color_photos, tmp_path):
    done = started(
        color_photos, tmp_path / "run", "--processes", "2", "--epochs", "0",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, noted = done.communicate(timeout=120)
    assert done.returncode == 2
    assert noted.count("Error") == 1
    assert not (tmp_path / "run").exists()


def test_a_process_that_cannot_use_the_pictures_ends_all(color_photos, tmp_path):
    """Pictures that change while the processes begin: the second one says so, once, and nothing is started again."""
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import os, sys\n"
        "if os.environ.get('RANK') == '1':\n"
        "    from tellapart.data.store import ImageStore\n"
        "    ImageStore.fingerprint = lambda self: 'another'\n"
    )
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{tmp_path}{os.pathsep}{SOURCE}"}
    done = subprocess.run(
        [sys.executable, *arguments(color_photos, tmp_path / "run", "--processes", "2")],
        env=variables, text=True, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("pictures of process 1 are not those of the first one") == 1
    assert done.stderr.count("Error") == 1


def children(process):
    return [each for each in psutil.Process(process.pid).children() if "train" in each.cmdline()]


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("rank", ["0", pytest.param("1", marks=pytest.mark.long)])
def test_a_run_whose_process_was_killed_goes_on_to_the_same_end(color_photos, together, tmp_path, rank):
    out = tmp_path / "run"
    process = started(
        color_photos, out, "--processes", "2", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(lambda: (out / LOG).exists() and "Team" in (out / LOG).read_text())
    next(child for child in children(process) if child.environ()["RANK"] == rank).kill()
    assert process.wait(240) == 0
    assert (out / "model.keras").exists()
    for undisturbed, killed in zip(weights_of(together[0]), weights_of(out), strict=True):
        np.testing.assert_array_equal(killed, undisturbed)


def test_a_stopped_run_goes_on_with_another_number_of_processes(color_photos, tmp_path):
    out = tmp_path / "run"
    process = started(
        color_photos, out, "--processes", "2", "--epochs", "120",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: (out / "metrics.csv").exists())
    os.killpg(process.pid, signal.SIGINT)  # as a terminal's Ctrl-C does
    _, noted = process.communicate(timeout=120)
    assert process.returncode == 130
    assert noted.count("Stopped; everything is saved") == 1
    run_together(1, "-m", "tellapart", "train", "--resume", str(out), "--quiet")
    events = [event for event in read_log(out / LOG)[0] if event["event"] == "Team"]
    assert [event["processes"] for event in events] == [2, 1]
    assert (out / "model.keras").exists()
