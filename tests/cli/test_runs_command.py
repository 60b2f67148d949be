"""`runs` prints a line for each run folder, and says what is damaged."""

import sys
from pathlib import Path

import pytest
from command_line import tellapart

sys.path.append(str(Path(__file__).parents[1] / "runs"))
from made_runs import make_run


def test_the_table_has_a_line_for_each_run(tmp_path, run):
    make_run(tmp_path / "many" / "good", data="flowers", correct=937)
    make_run(tmp_path / "many" / "half", correct=None, epochs=4, planned=30)
    (make_run(tmp_path / "many" / "bad") / "run.toml").unlink()
    result = tellapart("runs", tmp_path / "many")
    assert result.code == 0
    lines = result.out.splitlines()
    good = next(line for line in lines if line.startswith(" good "))
    assert all(
        word in good
        for word in ("flowers", "fast", "93.70%", "92.02% to 95.05%", "1,000", "12.5", "finished")
    )
    assert "stopped 4/30" in next(line for line in lines if line.startswith(" half "))
    assert "damaged" in next(line for line in lines if line.startswith(" bad "))
    assert f"{tmp_path / 'many' / 'bad'}: run.toml is missing" in result.err
    assert lines[0] == f"3 runs in {tmp_path / 'many'}/"
    both = tellapart("runs", tmp_path / "many", run).out
    assert any(run.name in line and "finished" in line for line in both.splitlines())


def test_the_default_is_the_folder_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tellapart("runs").code == 3
    make_run(tmp_path / "runs" / "one")
    assert tellapart("runs").out.startswith("1 run in runs/")


def test_json_and_order(tmp_path):
    make_run(tmp_path / "worse", correct=800)
    make_run(tmp_path / "better", correct=900)
    told = tellapart("runs", tmp_path, "--sort", "accuracy", "--json").json
    assert [Path(run["folder"]).name for run in told["runs"]] == ["better", "worse"]
    assert told["runs"][0]["interval"] == pytest.approx([0.8799, 0.9170], abs=1e-4)


def test_exit_codes(tmp_path):
    assert tellapart("runs", tmp_path / "nothing").code == 3
    assert tellapart("runs", tmp_path, "--sort", "size").code == 2
    (make_run(tmp_path / "bad") / "run.toml").write_text("[run")
    result = tellapart("runs", tmp_path)
    assert (result.code, "None of 1 run can be read" in result.err) == (3, True)
    make_run(tmp_path / "good")
    assert tellapart("runs", tmp_path).code == 0


def test_the_table_fits_80_columns_with_dated_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    make_run(tmp_path / "runs" / "2026-11-30-120758-cifar10-fast")
    lines = tellapart("runs").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("2026-11-30-120758-cifar10-fast" in line and "87.98% to 91.71%" in line for line in lines)


def test_names_of_strangers_are_harmless(tmp_path):
    make_run(tmp_path / "run\x1b[31m", data="pho\x1b]0;x\x07tos")
    result = tellapart("runs", tmp_path)
    assert "\x1b" not in result.out + result.err
