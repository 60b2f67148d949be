"""The guide's page on better models in a browser: what it says of a time is what the results say."""

import json
import re
import statistics
from pathlib import Path

import pytest

from tellapart.guide.lessons.better import SHOWN
from tellapart.profiling.summary import describe
from tellapart.recipes.measured import MEASURED
from tellapart.recipes.recipes import RECIPES

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture
def page(lesson):
    return lesson("better")


def percent(share):
    return f"{100 * share:.1f}%"


def epochs_by(recipe, minutes):
    """Accuracies of the epochs that had ended, read from the recipe's own page of results."""
    text = max(RESULTS.glob(f"*-{recipe}-cifar10.md")).read_text(encoding="utf-8")
    seconds, ended = 0.0, []
    for line in text.splitlines():
        if re.match(r"\| \d", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            seconds += float(cells[5])
            if seconds <= 60 * minutes:
                ended.append(float(cells[4]))
    return ended


def fast_by(minutes):
    runs = json.loads(max(RESULTS.glob("cifar10_to_94-*.json")).read_text())["runs"]
    return [r["with views"] for r in runs if r["who"] == "tellapart fast" and r["seconds"] <= 60 * minutes]


def to_63_by(minutes):
    runs = json.loads(max(RESULTS.glob("cold_start-*.json")).read_text())["trainings"]
    return [r["test accuracy"] for r in runs if r["whole command s"] <= 60 * minutes]


@pytest.mark.parametrize("minutes", [0.25, 0.5, 1, 5, 6.5, 8, 20, 40])
def test_what_was_reached_by_then_is_what_the_results_say(page, minutes):
    page.locator("#minutes").fill(str(minutes))
    cells = page.locator("#by-then tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.children].map((one) => one.textContent))"
    )
    told = {row[0]: row[1:] for row in cells}
    first, quick, fast, to_63 = (
        epochs_by("first-cnn", minutes),
        epochs_by("quick", minutes),
        fast_by(minutes),
        to_63_by(minutes),
    )
    whole = len(quick) == RECIPES["quick"]().epochs
    reached = {
        "first-cnn": (first[-1], "test") if first else None,
        "quick": ((MEASURED["quick"].accuracy, "test") if whole else (quick[-1], "held-out"))
        if quick
        else None,
        "fast": (statistics.mean(fast), "test") if fast else None,
        "fast with --target 63%": (statistics.mean(to_63), "test") if to_63 else None,
    }
    for name, found in reached.items():
        expected = ["–", "–"] if found is None else [percent(found[0]), f"{found[1]} pictures"]
        assert told[name][:2] == expected
    says = page.inner_text("#reached")
    known = {name: found for name, found in reached.items() if found}
    if not known:
        assert "nothing had been scored" in says
    else:
        best = max(known, key=lambda name: known[name][0])
        assert percent(known[best][0]) in says
        assert f"by {best} (" in says


@pytest.mark.parametrize("name", SHOWN)
def test_a_recipe_is_shown_with_its_layers_and_changes(page, name):
    page.select_option("#recipe", name)
    says = page.inner_text("#recipe-says")
    if name in ("first-cnn", "quick", "fast"):
        summary = describe(name).summary
        assert f"{summary.parameters:,} parameters" in says
        assert f"{summary.flops:,} FLOPs" in says
        assert page.locator("#layers tbody tr").count() == len(summary.layers)
        assert "measured: " in says
    else:
        assert "not measured" in says
    changed = page.locator("#changes tbody tr").evaluate_all(
        "rows => rows.map((row) => row.cells[0].textContent)"
    )
    assert ("epochs" in changed) == (name != "first-cnn")
    assert "recipe" not in changed


def test_the_charts_say_what_they_show(page):
    said = page.locator("#chart-minutes svg[role=img]").get_attribute("aria-label")
    for figure in ("71.3%", "82.0%", "94.1%", "65.6%"):
        assert figure in said
    assert page.locator("#chart-rates svg[role=img]").get_attribute("aria-label").startswith("Learning rate")
