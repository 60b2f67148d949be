"""Why this answer, in a browser: both questions move by keyboard, and every word and number is Python's."""

import io
import json

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.page import why
from tellapart.pages.assemble import as_json

WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


def unfolded(page):
    """Open the part with all heat maps, which stands behind a button."""
    page.wait_for_selector("html[data-ready]")
    page.locator(".folded > summary").press("Enter")
    page.wait_for_selector(".folded[data-drawn]")
    return page


@pytest.fixture
def page(opened, explained):
    return unfolded(opened(explained.path))


def findings(page):
    """axe-core's serious and critical ones."""
    violations = Axe().run(page).response["violations"]
    return [
        (one["id"], one["nodes"][0]["html"][:120])
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]


def cards(page):
    """Title and verdict of each map, in the order shown."""
    shown = page.locator("#why-maps > li").all()
    return [(one.locator("h4").inner_text(), one.locator(".verdict").inner_text()) for one in shown]


def in_python(explained, question):
    return [
        (METHODS[one.method].title, why.verdict(one.faithfulness))
        for one in explained.explanation.heat_maps.maps[question]
    ]


def pixels(page):
    """Of every map, in the order of the page."""
    return page.evaluate("[...document.querySelectorAll('#why-maps canvas')].map((one) => one.toDataURL())")


def choose(page, control, key):
    page.locator(control).focus()
    page.keyboard.press(key)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_from_a_disk_without_a_network_and_without_a_complaint(opened, explained, width, scheme):
    page = unfolded(opened(explained.path, width, scheme))
    assert page.locator("#why-maps svg").count() == len(METHODS)
    assert page.troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert findings(page) == []


def test_the_first_question_is_why_the_answer(page, explained):
    answer = Contrast(explained.explanation.answer.index)
    assert cards(page) == in_python(explained, answer)
    assert page.inner_text("#why-question") == why.question(answer, explained.explanation.subject.class_names)
    assert page.inner_text("#why-summary") == why.summary(explained.explanation.heat_maps.maps[answer])


def test_every_question_is_reached_by_keyboard_and_says_what_python_says(page, explained):
    """All of one class; then the first of each."""
    scope, names = explained.explanation.heat_maps.scope, explained.explanation.subject.class_names
    first, *others = scope.classes
    seen = {tuple(pixels(page))}
    for other in others:
        choose(page, "#why-not", "ArrowDown")
        question = Contrast(first, other)
        assert page.inner_text("#why-question") == why.question(question, names)
        assert cards(page) == in_python(explained, question)
        seen.add(tuple(pixels(page)))
    choose(page, "#why-not", "Home")
    for other in others:
        choose(page, "#why-of", "ArrowDown")
        assert cards(page) == in_python(explained, Contrast(other))
        assert page.inner_text("#why-summary") == why.summary(
            explained.explanation.heat_maps.maps[Contrast(other)]
        )
        seen.add(tuple(pixels(page)))
    assert len(seen) == 2 * len(scope.classes) - 1
    assert page.troubles == []


def test_a_class_is_not_held_against_itself(page, explained):
    classes = explained.explanation.heat_maps.scope.classes
    page.select_option("#why-not", str(classes[1]))
    page.select_option("#why-of", str(classes[1]))
    assert page.input_value("#why-not") == ""
    assert page.locator(f"#why-not option[value='{classes[1]}']").is_disabled()
    assert cards(page) == in_python(explained, Contrast(classes[1]))


def test_the_table_follows_the_question(page, explained):
    classes = explained.explanation.heat_maps.scope.classes
    page.select_option("#why-not", str(classes[1]))
    for text, one in zip(
        page.locator("#why-table tbody tr").all_inner_texts(),
        explained.explanation.heat_maps.maps[Contrast(*classes[:2])],
        strict=True,
    ):
        row = why.row(one)
        assert text.split("\t") == [
            METHODS[one.method].title,
            row["verdict"],
            *(f"{row[name]:z.3f}" for name in NUMBERS),
            f"{row['randomized_similarity']:z.2f}",
        ]


NUMBERS = ("deletion", "random_deletion", "insertion", "random_insertion", "score", "best_random_score")


def test_an_unreliable_map_is_called_so_in_words_and_not_by_color_alone(page):
    for card, (_, verdict) in zip(page.locator("#why-maps > li").all(), cards(page), strict=True):
        mark = card.locator(".verdict").evaluate("(one) => getComputedStyle(one, '::before').content")
        assert ("✓" in mark) == (verdict == why.PASSED)
        assert ("✗" in mark) == verdict.startswith("Not reliable")
        assert verdict in card.locator("canvas").get_attribute("aria-label")


def test_the_changed_pictures_are_drawn(page, explained):
    flipped = [one for one in explained.explanation.counterfactuals if one.amount is not None]
    assert page.locator(".changed canvas:visible").count() == len(flipped) > 0
    drawn = page.evaluate("[...document.querySelectorAll('.changed canvas')].map((one) => one.toDataURL())")
    assert len(set(drawn)) == len(drawn)
    smallest = min(flipped, key=lambda one: one.amount)
    corner = page.evaluate(
        "[...document.querySelector('.changed canvas').getContext('2d').getImageData(0, 0, 1, 1).data]"
    )
    assert corner == [*smallest.image[0, 0].round().int().tolist(), 255]


def test_it_reads_without_scripts(opened, explained):
    page = opened(explained.path, scripts=False)
    page.locator(".folded > summary").press("Enter")
    answer = Contrast(explained.explanation.answer.index)
    assert cards(page) == in_python(explained, answer)
    assert page.locator("#why-table tbody tr").count() == len(METHODS)
    assert page.locator("#counterfactuals-table tbody tr").count() == len(
        explained.explanation.counterfactuals
    )
    assert page.locator("#why-maps canvas:visible").count() == 0
    flipped = [one for one in explained.explanation.counterfactuals if one.amount is not None]
    for pictures, count in (("#why-maps .picture", len(METHODS)), (".changed .picture", len(flipped))):
        shown = page.locator(pictures)
        assert shown.count() == count
        assert all(one.bounding_box()["height"] > 60 for one in shown.all())
    assert page.locator("button:visible, select:visible, input:visible").count() == 0


def test_pictures_without_scripts_are_those_that_scripts_draw(opened, explained):
    """But for what their compression loses."""

    def red(page, place):
        shot = (
            page.locator("#why-maps > li").nth(place).locator(".picture:visible, canvas:visible").screenshot()
        )
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.float64)

    without, drawn = opened(explained.path, scripts=False), unfolded(opened(explained.path))
    without.locator(".folded > summary").press("Enter")
    assert (
        drawn.locator(".section-why .picture:visible, .section-counterfactuals .picture:visible").count() == 0
    )
    shown = without.locator("#why-maps > li")
    for place in range(shown.count()):
        drawing, still = red(drawn, place)[8:-8, 8:-8], red(without, place)[8:-8, 8:-8]
        height, width = (min(one) for one in zip(drawing.shape[:2], still.shape[:2], strict=True))
        assert np.abs(drawing[:height, :width] - still[:height, :width]).mean() < 16


@pytest.mark.parametrize(
    ("table", "cell"), [("#why-table", "td.text"), ("#counterfactuals-table", "td.text")]
)
def test_on_a_narrow_screen_what_matters_is_seen_without_scrolling(opened, explained, table, cell):
    page = unfolded(opened(explained.path, 390))
    for row in page.locator(f"{table} tbody tr").all():
        box = row.locator(cell).first.bounding_box()
        assert box["x"] + box["width"] <= 370


def test_a_region_that_is_wider_than_the_page_fades_where_there_is_more(opened, explained):
    page = unfolded(opened(explained.path, 390))
    region = page.locator(".scroll", has=page.locator("#why-table"))
    mask = "(one) => getComputedStyle(one).maskImage"
    assert "more-after" in region.get_attribute("class")
    assert "more-before" not in region.get_attribute("class")
    assert "gradient" in region.evaluate(mask)
    region.evaluate("(one) => { one.scrollLeft = one.scrollWidth; }")
    page.wait_for_selector(".scroll.more-before:not(.more-after) #why-table")
    narrow = page.locator(".scroll", has=page.locator("#softmax"))
    assert narrow.evaluate(mask) == "none"


def test_the_sections_are_light(explained):
    section = why.part(explained.explanation)
    assert len(as_json(section.data)) < 1.5e6
    assert json.loads(as_json(section.data))["titles"]
