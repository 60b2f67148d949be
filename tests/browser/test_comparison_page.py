"""The page of a comparison in a browser: curves over epochs and seconds, without errors, usable by keyboard."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

import tellapart

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


@pytest.fixture(scope="module")
def compared(color_photos, trained, tmp_path_factory):
    """A comparison of three runs, one of which was not scored, and its page."""
    place = tmp_path_factory.mktemp("compared")
    settings = {
        "recipe": "quick",
        "size": (16, 16),
        "batch_size": 8,
        "validation_share": 0.2,
        "verbose": False,
    }
    second = tellapart.train(str(color_photos), out=place / "second", epochs=2, seed=1, **settings)
    shutil.copytree(trained.folder, place / "third")
    (place / "third" / "predictions.safetensors").unlink()
    comparison = tellapart.compare([trained.folder, second.folder, place / "third"])
    return comparison, comparison.save(place / "comparison.html")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_without_a_network_and_without_errors(opened, compared, width, scheme):
    page = opened(compared[1], width, scheme)
    page.wait_for_selector("#chart-val-accuracy svg")
    assert page.troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    violations = Axe().run(page).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []


def test_the_curves_are_drawn_over_epochs_or_seconds(opened, compared):
    page = opened(compared[1])
    page.wait_for_selector("#chart-val-accuracy svg")
    lines, numbers = "#chart-val-accuracy g[stroke-width='2'] > path", "#chart-val-accuracy svg text"
    assert "epoch" in page.inner_text("#chart-val-accuracy")
    assert page.locator(lines).count() == 3
    assert [text for text in page.locator(numbers).all_text_contents() if text.isdigit()] == list("123456")
    page.get_by_role("button", name="Seconds").click()
    assert "seconds of training" in page.inner_text("#chart-val-accuracy")
    assert page.get_by_role("button", name="Seconds").get_attribute("aria-pressed") == "true"
    assert page.locator(lines).count() == 3
    assert page.troubles == []


def test_its_tables_say_what_the_facts_say(opened, compared):
    comparison, place = compared
    text = opened(place, scripts=False).inner_text("body")
    assert "JavaScript is off" in text
    assert f"{100 * comparison['runs'][0]['accuracy']:.2f}%" in text
    assert "no test predictions" in text
    rows = {row["setting"]: row["values"] for row in comparison["settings"]}
    assert rows["epochs"] == ["6", "2", "6"]
    assert rows["seed"] == ["0", "1", "0"]
    assert "recipe" not in rows


def test_a_comparison_says_in_one_line_what_it_is(compared):
    assert repr(compared[0]) == "<Comparison: 3 runs, 0 paired tests, 3 pairs without one>"
    assert len(repr(compared[0])) < 200
