"""`--open` opens the page that was written, or says where it is."""

import shutil
import sys

import numpy as np
import pytest
from command_line import in_own_process, tellapart
from PIL import Image

from tellapart.cli.terminal import browser


@pytest.fixture
def browser_log(tmp_path):
    """A browser that writes the addresses it is given into a file; and that file."""
    log, script = tmp_path / "opened.txt", tmp_path / "browser.py"
    script.write_text(f"import sys; open({str(log)!r}, 'a').write(sys.argv[1] + '\\n')", encoding="utf-8")
    return f"{sys.executable} {script} %s", log


@pytest.fixture
def nowhere(monkeypatch):
    """A Linux machine without a screen and without a browser of the user's choice."""
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


def test_the_report_is_opened(run, browser_log):
    command, log = browser_log
    result = in_own_process("report", run, "--open", BROWSER=command)
    assert result.code == 0, result.err
    assert log.read_text(encoding="utf-8").split() == [(run / "report.html").resolve().as_uri()]


def test_the_first_of_several_explanations_is_opened(run, tmp_path, browser_log):
    command, log = browser_log
    for name in ("a b.png", "c.png"):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / name)
    pages = tmp_path / "pages"
    result = in_own_process(
        "explain", run, tmp_path / "a b.png", tmp_path / "c.png", "--out", pages, "--open", BROWSER=command
    )
    assert result.code == 0, result.err
    assert {page.name for page in pages.iterdir()} == {"a b.html", "c.html"}
    assert log.read_text(encoding="utf-8").split() == [(pages / "a b.html").as_uri()]


def test_without_the_option_nothing_is_opened(run, browser_log):
    command, log = browser_log
    assert in_own_process("report", run, BROWSER=command).code == 0
    assert not log.exists()


def test_where_no_browser_can_be_opened_the_path_is_said_and_the_result_stays(run, nowhere):
    result = tellapart("report", run, "--open", "--json")
    assert result.code == 0
    assert f"Open this file yourself: {(run / 'report.html').resolve()}" in result.err
    assert result.json["page"].endswith("report.html")


def test_a_browser_that_refuses_is_no_browser(run, monkeypatch):
    monkeypatch.setenv("BROWSER", "any")
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: False)
    assert "Open this file yourself" in tellapart("report", run, "--open").err


def test_the_page_of_a_comparison_is_opened(run, tmp_path, browser_log):
    command, log = browser_log
    copy, page = shutil.copytree(run, tmp_path / "copy"), tmp_path / "both.html"
    result = in_own_process("report", "--compare", run, copy, "--out", page, "--open", BROWSER=command)
    assert result.code == 0, result.err
    assert log.read_text(encoding="utf-8").split() == [page.as_uri()]
