"""A list of runs: every folder that looks like one, of every version, whatever happened to it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest
from made_runs import DAMAGES, VERSIONS, epoch_done, make_run

import tellapart
from tellapart.errors import ConfigError, DataError
from tellapart.runs.event_log import event_line
from tellapart.runs.find import looks_like_a_run
from tellapart.runs.listing import ORDERS, Runs, summary_of_run
from tellapart.runs.lock import HOLDER, MARKER, locked
from tellapart.runs.metrics_file import metrics_line

resource = pytest.importorskip("resource", reason="Windows counts processor time otherwise")


@pytest.mark.parametrize("version", VERSIONS)
def test_runs_of_every_version_have_their_figures(tmp_path, version):
    run = summary_of_run(make_run(tmp_path / "run", version=version))
    assert (run.state, run.problems) == ("finished", ())
    assert (run.data, run.recipe, run.accuracy, run.pictures) == ("photos", "fast", 0.9, 1000)
    assert run.interval == pytest.approx((0.8799, 0.9170), abs=1e-4)
    assert run.seconds == (7.5 if version == "first" else 12.5)  # the epochs', where no cost was recorded
    assert (run.epochs, run.planned, run.val_accuracy) == (3, 3, 0.75)


def test_a_real_training_is_listed_as_its_result(trained):
    (run,) = tellapart.runs(trained.folder)
    assert (run.state, run.problems) == ("finished", ())
    assert (run.accuracy, run.interval) == (trained.scores.accuracy, trained.scores.interval)
    assert (run.pictures, run.epochs, run.recipe) == (trained.scores.pictures, 3, "quick")
    assert run.val_accuracy == max(done.val_accuracy for done in trained.history)
    assert run.seconds > 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_named(tmp_path, damage):
    run = make_run(tmp_path / "run")
    harm, said = DAMAGES[damage]
    harm(run)
    (listed,) = tellapart.runs(tmp_path)
    assert listed.state == "damaged"
    assert said in "; ".join(listed.problems)


def test_a_damaged_run_still_shows_what_can_be_read(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "model.keras").unlink()
    listed = summary_of_run(run)
    assert (listed.state, listed.accuracy) == ("damaged", 0.9)


def test_thirty_runs_of_several_versions_some_damaged_take_less_than_a_second(tmp_path):
    """Of a processor, in a process of its own, with everything that it imports: others may be busy meanwhile."""
    damages = list(DAMAGES.values())
    for number in range(30):
        run = make_run(tmp_path / f"run-{number}", version=VERSIONS[number % 3], epochs=60, planned=60)
        if number % 3 == 2:
            damages[number // 3][0](run)
    command = [sys.executable, "-m", "tellapart", "runs", str(tmp_path), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = json.loads(done.stdout)["runs"]
    assert len(runs) == 30
    assert sum(run["state"] == "damaged" for run in runs) == 10
    assert all(run["problems"] for run in runs if run["state"] == "damaged")
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_a_list_needs_neither_torch_nor_keras(tmp_path):
    make_run(tmp_path / "run")
    code = (
        "import sys, tellapart; tellapart.runs(sys.argv[1]);"
        "print([name for name in ('torch', 'keras', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_runs_are_found_at_any_depth_and_through_links_but_once(tmp_path):
    make_run(tmp_path / "a" / "b" / "deep")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "deep")
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    assert len(tellapart.runs(tmp_path)) == 1
    assert len(tellapart.runs(tmp_path, tmp_path / "a")) == 1


def test_nothing_is_looked_for_inside_a_run(tmp_path):
    run = make_run(tmp_path / "run")
    make_run(run / "checkpoints" / "copy")
    assert [listed.folder for listed in tellapart.runs(tmp_path)] == [run]


@pytest.mark.parametrize(
    ("names", "is_run"),
    [
        ({"run.toml"}, True),
        ({"log.jsonl", "x"}, True),
        ({"model.keras", "metrics.csv"}, True),
        ({"split.csv", ".lock"}, True),
        ({"model.keras"}, False),  # a model that somebody saved
        ({"metrics.csv"}, False),  # other programs write this too
        (set(), False),
    ],
)
def test_what_looks_like_a_run(names, is_run):
    assert looks_like_a_run(names) is is_run


def test_a_stopped_run_says_how_far_it_came(tmp_path):
    run = summary_of_run(make_run(tmp_path / "run", correct=None, epochs=2, planned=9))
    assert (run.state, run.epochs, run.planned, run.accuracy) == ("stopped", 2, 9, None)


def test_a_run_that_goes_on_past_its_end_is_not_over(tmp_path):
    run = make_run(tmp_path / "run", epochs=3, planned=9)
    done = epoch_done(3, 9)
    with (run / "log.jsonl").open("a") as file:
        file.write(event_line("EpochDone", asdict(done)))
    with (run / "metrics.csv").open("a") as file:
        file.write(metrics_line(done))
    listed = summary_of_run(run)
    assert (listed.state, listed.epochs, listed.accuracy) == ("stopped", 4, 0.9)


def test_a_running_training_is_running_and_a_killed_one_is_not(tmp_path):
    run = make_run(tmp_path / "run", correct=None, epochs=2, planned=9)
    with locked(run):
        assert summary_of_run(run).state == "running"
    assert summary_of_run(run).state == "stopped"
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    holder = {"process": int(dead.stdout), "machine": os.uname().nodename, "since": "2026-11-30 10:00:00"}
    (run / HOLDER).write_text(json.dumps(holder))
    assert summary_of_run(run).state == "stopped"
    younger = {**holder, "process": os.getpid(), "since": "2020-01-01 00:00:00"}
    (run / HOLDER).write_text(json.dumps(younger))  # its number was given to another process since
    assert summary_of_run(run).state == "stopped"
    another = json.dumps({**holder, "machine": "another"})
    with locked(run):
        (run / HOLDER).write_text(another)
        assert summary_of_run(run).state == "running"
    (run / HOLDER).write_text(another)  # as in a folder that was copied while it was trained in
    assert summary_of_run(run).state == "stopped"
    (run / MARKER).write_text("")  # which stands for a lock where the disk has none
    assert summary_of_run(run).state == "running"


def test_listing_leaves_no_trace(tmp_path):
    run = make_run(tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    tellapart.runs(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert run in before


def test_orders(tmp_path):
    make_run(tmp_path / "run-10", correct=900, seconds=5.0, started="2026-11-01T00:00:00+00:00")
    make_run(tmp_path / "run-9", correct=950, seconds=50.0, started="2026-11-03T00:00:00+00:00")
    make_run(tmp_path / "run-8", correct=None, seconds=20.0, started="2026-11-02T00:00:00+00:00")
    names = {order: [run.folder.name for run in tellapart.runs(tmp_path, sort=order)] for order in ORDERS}
    assert names["date"] == ["run-9", "run-8", "run-10"]
    assert names["accuracy"] == ["run-9", "run-10", "run-8"]  # what has none comes last
    assert names["seconds"] == ["run-10", "run-8", "run-9"]
    assert names["name"] == ["run-8", "run-9", "run-10"]
    assert names["state"] == ["run-9", "run-10", "run-8"]
    with pytest.raises(ConfigError, match="sorted by date, name"):
        tellapart.runs(tmp_path, sort="size")


def test_what_holds_no_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="There is no folder runs"):
        tellapart.runs()
    with pytest.raises(DataError, match="no run folder here or below"):
        tellapart.runs(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        tellapart.runs(tmp_path / "file")
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"no such folder.*Did you mean .*photos"):
        tellapart.runs(tmp_path / "photo")


def test_the_function_stays_a_function_whatever_is_imported(tmp_path):
    import tellapart.runs.folder
    from tellapart.runs import listing

    make_run(tmp_path / "run")
    assert isinstance(tellapart.runs(tmp_path), listing.Runs)


def test_objects_say_in_one_line_what_they_are(tmp_path):
    make_run(tmp_path / ("long" * 40))
    make_run(tmp_path / "stopped", correct=None)
    runs = tellapart.runs(tmp_path)
    assert repr(runs) == "<Runs: 2 runs, 1 finished, 1 stopped, best test accuracy 90.0% (n=1,000)>"
    assert repr(Runs(())) == "<Runs: 0 runs>"
    assert all(len(repr(run)) <= 200 and "\n" not in repr(run) for run in runs)
    assert "90.0% (88.0% to 91.7%, n=1,000)" in " ".join(map(repr, runs))
    assert "95% CI" in runs._repr_html_()
    assert all(len(each._repr_html_().encode()) <= 100_000 for each in (runs, *runs))


def test_a_slice_and_the_damaged_are_runs_again(tmp_path):
    make_run(tmp_path / "good")
    (make_run(tmp_path / "bad") / "model.keras").unlink()
    runs = tellapart.runs(tmp_path, sort="name")
    assert [run.folder.name for run in runs.damaged] == ["bad"]
    assert isinstance(runs[:1], Runs)
    assert json.dumps(runs.to_dict())
