"""The page of a tuning in a browser: drawings for wide and narrow windows, without errors, usable by keyboard."""

import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tellapart.tuning.page import page

sys.path.append(str(Path(__file__).parents[1] / "tuning"))
from test_tuning_page import TRIALS, facts


@pytest.fixture(scope="module")
def tuning_page(tmp_path_factory):
    place = tmp_path_factory.mktemp("tuned") / "tuning.html"
    place.write_text(page(facts(TRIALS, 3)))
    return place


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_opens_without_a_network_and_fits(opened, tuning_page, width, scheme):
    shown = opened(tuning_page, width, scheme)
    assert shown.troubles == []
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    wide, narrow = (shown.locator(f".{name} svg").first for name in ("wide", "narrow"))
    assert (wide.is_visible(), narrow.is_visible()) == ((True, False) if width == 1280 else (False, True))
    violations = Axe().run(shown).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []


def test_a_trial_is_found_in_the_drawings_by_keyboard(opened, tuning_page):
    shown = opened(tuning_page)
    finder = shown.get_by_role("button", name="3", exact=True)
    finder.focus()
    shown.keyboard.press("Enter")
    assert finder.get_attribute("aria-pressed") == "true"
    assert shown.locator(".wide .trial.found").count() == 2
    shown.keyboard.press("Escape")
    assert finder.get_attribute("aria-pressed") == "false"
    assert shown.locator(".trial.found").count() == 0
    assert shown.troubles == []


def test_without_scripts_everything_can_be_read(opened, tuning_page):
    text = opened(tuning_page, scripts=False).inner_text("body")
    assert "62.00% on held-out pictures" in text
    assert "tellapart train photos --learning-rate 0.03" in text
    assert "training <diverged>" in text
