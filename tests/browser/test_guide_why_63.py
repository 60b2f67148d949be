"""The guide's page on 63% in a browser: what it says of an epoch is what was measured."""

import json
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
RUNS = json.loads(max(RESULTS.glob("why_63-*.json")).read_text())["runs"]
CURVES = {
    one["case"]: one["curve"] for one in sorted(RUNS, key=lambda one: (len(one["curve"]), -one["seed"]))
}
"""Of each case the longest, and of these that of the first seed."""
NAMES = {
    "the tutorial's settings": "as-meant",
    "settings of mid-2017": "mid-2017",
    "settings of early 2017": "early-2017",
    "divided by 255 twice": "divided-twice",
}


@pytest.fixture
def page(lesson):
    return lesson("why-63")


@pytest.mark.parametrize("epoch", [1, 8, 40, 41, 120, 200])
def test_an_epoch_is_shown_as_it_was_measured(page, epoch):
    page.locator("#epoch").fill(str(epoch))
    rows = page.locator("#at-epoch tbody tr").evaluate_all(
        "rows => rows.map((row) => [row.cells[0].textContent, ...[...row.cells].slice(1).map((cell) => "
        "cell.querySelector('[data-value]')?.dataset.value ?? cell.textContent)])"
    )
    assert [row[0] for row in rows] == list(NAMES)
    for name, *told in rows:
        measured = CURVES[NAMES[name]][epoch - 1]
        expected = [measured[column] for column in ("val_accuracy", "val_loss", "loss")]
        assert [float(one) for one in told] == pytest.approx(expected, abs=6e-5)


def test_the_chart_shows_what_is_chosen_and_says_what_it_shows(page):
    said = page.locator("#curves svg[role=img]").get_attribute("aria-label")
    for curve in CURVES.values():
        assert f"{100 * max(row['val_accuracy'] for row in curve):.1f}%" in said
    before = page.locator("#curves svg").inner_html()
    for measure in ("held_out_loss", "loss"):
        page.select_option("#measure", measure)
        after = page.locator("#curves svg").inner_html()
        assert after != before
        before = after
    assert page.locator("#curves svg").get_by_text("63%").count() == 0
    page.select_option("#measure", "accuracy")
    assert page.locator("#curves svg").get_by_text("63%").count() == 1
