"""`tellapart export`."""

import shutil

import pytest
from command_line import tellapart

from tellapart.cli.export import ExportFormat
from tellapart.exporters.registry import FORMATS


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained.folder, tmp_path / "run")


def test_the_choices_are_the_formats():
    assert [choice.value for choice in ExportFormat] == list(FORMATS)


def test_an_export_says_where_it_is_and_how_it_compares(run):
    result = tellapart("export", run)
    assert result.code == 0, result.err
    assert str(run / "model.onnx") in result.out
    assert "15 pictures (" in result.out
    assert "same answer for 100.00%" in result.out
    assert "same as the model (95% confidence interval" in result.out
    assert "onnxruntime" in result.out
    assert all(len(line) <= 120 for line in result.out.splitlines() if "/" not in line)


def test_as_json(run):
    result = tellapart("export", run, "--fp16", "--json", "--count", "4")
    assert result.json["format"] == "onnx"
    assert result.json["proof"]["precision"] == "float16"
    assert result.json["proof"]["pictures"] == 4
    assert result.json["file"] == str(run / "model.onnx")


def test_two_precisions_are_refused(run):
    result = tellapart("export", run, "--fp16", "--int8")
    assert result.code == 2
    assert "Choose one" in result.err


def test_what_a_user_must_know_is_said(run):
    result = tellapart("export", run, "--to", "torch")
    assert "load only files you trust" in " ".join(result.err.split())
