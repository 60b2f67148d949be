"""The guide's page on what is to be read otherwise today, in a browser: its filter, and its statements."""

import pytest

from tellapart.guide.contents import named
from tellapart.guide.lessons.put_right import CARDS

HOLDS = {card.asks.replace("`", ""): card for card in CARDS}
SO = {card["name"]: card["so"].replace("`", "") for card in named("put-right").facts["cards"]}


@pytest.fixture
def page(lesson):
    return lesson("put-right")


@pytest.mark.parametrize("kind", ["", "text", "program", "outdated"])
def test_the_filter_shows_one_kind(page, kind):
    page.select_option("#kind", kind)
    shown = page.locator(".mistake:visible")
    expected = [card.name for card in CARDS if kind in ("", card.kind)]
    assert shown.evaluate_all("all => all.map((one) => one.dataset.name)") == expected
    assert page.inner_text("#shown") == f"{len(expected)} of {len(CARDS)}"


def test_each_statement_comes_once_and_is_judged(page):
    met, right = [], 0
    for turn in range(len(CARDS)):
        asks = page.inner_text("#statement")
        card = HOLDS[asks]
        says = turn % 3 != 0  # true, or false now and then
        page.locator(f"#{str(says).lower()}").click()
        right += says == card.holds
        verdict = page.inner_text("#test-says")
        assert verdict.startswith("Right" if says == card.holds else "Not quite")
        assert f"it is {str(card.holds).lower()}." in verdict
        assert SO[card.name] in verdict
        left = len(CARDS) - turn - 1
        assert page.inner_text("#tally") == (
            f"{right} of {turn + 1} right; {left} of {len(CARDS)} statements left."
        )
        met.append(card.name)
        page.locator("#next").click()
        assert page.inner_text("#test-says") == ""
    assert sorted(met) == sorted(card.name for card in CARDS)
    assert met != [card.name for card in CARDS]


def test_a_judgment_stands_until_the_next_statement(page):
    card = HOLDS[page.inner_text("#statement")]
    wrong, right = ("true", "false") if not card.holds else ("false", "true")
    page.locator(f"#{wrong}").focus()
    page.keyboard.press("Enter")
    assert page.inner_text("#test-says").startswith("Not quite")
    assert page.locator(f"#{right}").get_attribute("aria-disabled") == "true"
    page.locator(f"#{right}").evaluate("(one) => one.click()")
    assert page.inner_text("#tally").startswith("0 of 1 right")


def test_every_card_leads_to_its_lesson(page):
    links = page.locator(".mistake a").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    assert links == [f"{card.page}.html" for card in CARDS]
