"""Waiting times of the guide: from `make learn` to the first interaction, updates of a training, and the notebook.

    python benchmarks/guide_times.py [--rounds 5]

- `make learn` in this checkout, whose environment is installed, and in a new clone, where the pages are read from disk
  during the installation: seconds until moving a slider has changed the photo of the first lesson.
- The page "Training, live" served by tellapart: how many different states it shows per second of training.
- `docs/tutorial.ipynb`, executed from the first cell to the last.

Needs the test extra and Chromium. Writes a dated page and all runs to benchmarks/results/.
"""

import argparse
import datetime
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
LOOKED_AT = 10.0
"""Seconds for which a live training is watched."""

PHOTO = "() => document.getElementById('photo').toDataURL()"
STANDING = "() => document.getElementById('standing').textContent"


@contextmanager
def guide(folder=ROOT, pattern=r"http://\S+/"):
    """Run `make learn`; yield the address of the pages that it prints, and its start time."""
    began = time.perf_counter()
    environment = os.environ | {"BROWSER": "true"}  # this script opens its own browser
    process = subprocess.Popen(
        ["make", "learn"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    for line in process.stdout:
        if match := re.search(pattern, line):
            break
    yield match[0], began
    os.killpg(process.pid, signal.SIGINT)
    process.wait()


def until_it_moves(browser, address, began):
    """Return the seconds from the command to a changed photo."""
    page = browser.new_page()
    page.goto(f"{address}dog-or-cat.html")
    page.wait_for_selector("html[data-ready]")
    before = page.evaluate(PHOTO)
    page.locator("#side").fill("3")
    page.wait_for_function(f"before => ({PHOTO})() !== before", arg=before)
    page.close()
    return time.perf_counter() - began


def installed(browser):
    with guide() as (address, began):
        return until_it_moves(browser, address, began)


def from_nothing(browser):
    """Time a new clone without an environment: its pages are read from disk during the installation."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), f"{place}/clone"], check=True)
        with guide(Path(place) / "clone", "docs/guide/") as (pages, began):
            return until_it_moves(browser, f"file://{place}/clone/{pages}", began)


def updates_a_second(browser):
    """Return how often a running training updates its page, per second."""
    page = browser.new_page()
    with guide() as (address, _):
        page.goto(f"{address}training.html")
        page.wait_for_selector("html[data-ready]")
        page.click("#run")
        page.wait_for_function(f"Number(({STANDING})().split(/[ ,]/)[1]) > 2")
        seen, began = set(), time.perf_counter()
        while time.perf_counter() - began < LOOKED_AT:
            seen.add(page.evaluate(STANDING))
            page.wait_for_timeout(20)
    page.close()
    return len(seen) / LOOKED_AT


def seconds_of_notebook():
    with tempfile.TemporaryDirectory() as place:
        shutil.copy(ROOT / "docs" / "tutorial.ipynb", place)
        began = time.perf_counter()
        command = [Path(sys.executable).with_name("jupyter-execute"), "--timeout=1200", "tutorial.ipynb"]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
        return time.perf_counter() - began


def main():
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        installed(browser)  # fills the system's caches
        runs = {
            name: [measure(browser) for _ in range(options.rounds)]
            for name, measure in {
                "make learn, installed, until the photo moved, s": installed,
                "make learn, in a new clone, until the photo moved, s": from_nothing,
                "updates of a live training, each s": updates_a_second,
            }.items()
        }
        browser.close()
    runs["the notebook, s"] = [seconds_of_notebook() for _ in range(min(3, options.rounds))]
    rows = [
        {
            "what": name,
            "median": statistics.median(values),
            "lowest": min(values),
            "highest": max(values),
            "n": len(values),
        }
        for name, values in runs.items()
    ]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": f"python benchmarks/guide_times.py --rounds {options.rounds}",
        "hardware": machine,
        "versions": versions(),
        "runs": runs,
    }
    lines = [f"# The guide and the notebook, {record['date']}", "", table(rows, list(rows[0])), ""]
    write_results(options.results, "guide_times", now, "\n".join(lines + origin_lines(record)), record)


if __name__ == "__main__":
    main()
