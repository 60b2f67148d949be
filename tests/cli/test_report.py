"""`report` writes the page of a run and compares runs; every training leaves a page."""

import json
import shutil
from pathlib import Path

import numpy as np
from command_line import tellapart
from safetensors.numpy import load_file, save_file

from tellapart.runs.predictions import load_predictions


def test_a_training_leaves_a_page_and_says_where(run):
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_writes_it_anew(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "report.html").unlink()
    result = tellapart("report", tmp_path / "copy")
    assert result.code == 0
    assert "Test accuracy" in result.out
    assert (tmp_path / "copy" / "report.html").is_file()


def test_json_tells_what_evaluate_tells(run):
    told, scored = tellapart("report", run, "--json").json, tellapart("evaluate", run, "--json").json
    assert told["scores"]["accuracy"] == scored["scores"]["accuracy"]
    assert told["scores"]["confusion"] == scored["scores"]["confusion"]
    assert told["page"].endswith("report.html")
    assert told["run"]["command"].startswith("tellapart train ")


def test_two_runs_are_compared_on_the_same_pictures(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    tensors = load_file(other / "predictions.safetensors")
    ids = json.dumps(load_predictions(other / "predictions.safetensors")["test"].ids)
    wrong = np.eye(2, dtype=np.float32)[1 - tensors["test/labels"]]
    save_file({**tensors, "test/probabilities": wrong}, other / "predictions.safetensors", {"test": ids})
    result = tellapart("report", "--compare", run, other)
    assert result.code == 0
    assert f"{run} scores" in " ".join(result.out.split())
    assert "McNemar" in result.out
    assert "Curves and settings (open in a browser):\n  comparison.html" in result.out
    assert "Paired tests" in Path("comparison.html").read_text(encoding="utf-8")
    told = tellapart("report", "--compare", run, other, "--json").json
    assert len(told["runs"]) == 2


def test_a_page_of_a_comparison_replaces_nothing_else(run, tmp_path):
    shutil.copytree(run, tmp_path / "other")
    runs = ("report", "--compare", run, tmp_path / "other")
    taken = tmp_path / "mine.html"
    taken.write_text("my own page")
    refused = tellapart(*runs, "--out", taken)
    assert (refused.code, "is not a page of an earlier comparison" in refused.err) == (2, True)
    assert tellapart(*runs, "--out", tmp_path / "new" / "page.html").code == 0
    assert tellapart(*runs, "--out", tmp_path / "new" / "page.html").code == 0
    assert tellapart("report", run, "--out", "page.html").code == 2


def test_a_stopped_run_is_compared_by_its_curves(run, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(run, other)
    (other / "predictions.safetensors").unlink()
    result = tellapart("report", "--compare", run, other)
    assert result.code == 0
    assert "have no paired test" in result.err


def test_what_cannot_be_reported_is_said(run, tmp_path):
    assert tellapart("report", tmp_path).code == 2
    for options in ((), ("--compare", run)):
        missing = tellapart("report", *options, tmp_path / "nothing")
        assert (missing.code, "no such run folder" in missing.err) == (3, True)
    assert "--compare" in tellapart("report", run, run).err
    assert tellapart("report", "--compare", run).code == 2


def test_a_run_without_its_answers_gets_a_page_of_the_rest(run, tmp_path):
    shutil.copytree(run, tmp_path / "old")
    (tmp_path / "old" / "predictions.safetensors").unlink()
    result = tellapart("report", tmp_path / "old")
    assert result.code == 0
    assert "Not in the report: Test results" in result.err
    page = (tmp_path / "old" / "report.html").read_text(encoding="utf-8")
    assert "Some parts are missing." in page
    assert ">Network<" in page
