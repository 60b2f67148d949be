"""Every page of the guide in a browser: nothing fails, all is reached by keyboard, axe-core has no serious finding."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tellapart.guide.contents import LESSONS

NAMES = ["index", *(lesson.name for lesson in LESSONS)]


GAP = """() => {
  const button = document.getElementById("theme").getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(document.querySelector("h1"));
  const beside = [...range.getClientRects()].filter((line) => line.top < button.bottom && line.bottom > button.top);
  return beside.length ? button.left - Math.max(...beside.map((line) => line.right)) : null;
}"""
"""Pixels between the button and the title's lines at its height; null where none is."""


def findings(page):
    violations = Axe().run(page).response["violations"]
    return [
        (one["id"], one["nodes"][0]["html"][:120])
        for one in violations
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", NAMES)
def test_it_opens_from_a_disk_without_a_complaint(lesson, name, width):
    page = lesson(name, width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert findings(page) == []
    page.locator("#theme").click()
    assert findings(page) == []
    assert page.troubles == []


@pytest.mark.parametrize("name", NAMES)
def test_on_a_phone_the_button_for_the_colors_stands_clear_of_the_title(lesson, name):
    gap = lesson(name, 390).evaluate(GAP)
    assert gap is None or gap >= 10


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_to_do_is_no_paler_than_the_text(lesson, name):
    page = lesson(name)
    colors = page.locator("article .do").evaluate_all("all => all.map((one) => getComputedStyle(one).color)")
    assert set(colors) <= {page.evaluate("getComputedStyle(document.body).color")}


@pytest.mark.parametrize("name", NAMES[1:])
def test_every_control_can_be_moved_by_keyboard(lesson, name):
    page = lesson(name)
    for control in page.locator("article input[type=range]:visible").all():
        control.focus()
        page.keyboard.press("End")
        end = float(control.input_value())
        page.keyboard.press("Home")
        assert float(control.input_value()) < end
        page.keyboard.press("ArrowRight")
        page.keyboard.press("PageUp")
    for control in page.locator("article select:visible").all():
        for value in control.evaluate("(one) => [...one.options].map((option) => option.value)"):
            control.select_option(value)
    for control in page.locator("article input[type=checkbox]:visible").all():
        control.focus()
        page.keyboard.press("Space")
    assert page.troubles == []


@pytest.mark.parametrize("name", NAMES[1:])
def test_its_questions_are_checked(lesson, name):
    page = lesson(name)
    forms = page.locator("form.question").all()
    assert forms
    for form in forms:
        right = form.get_attribute("data-right")
        if form.get_attribute("data-kind") == "number":
            form.locator("input").fill(str(float(right) + 1 + float(form.get_attribute("data-within"))))
            form.locator("button").click()
            assert "Not quite" in form.locator(".verdict").inner_text()
            form.locator("input").fill(right)
        else:
            values = form.locator("input").evaluate_all("(all) => all.map((one) => one.value)")
            assert right in values
            form.locator(f"input[value='{next(value for value in values if value != right)}']").check()
            form.locator("button").click()
            assert "Not quite" in form.locator(".verdict").inner_text()
            form.locator(f"input[value='{right}']").check()
        form.locator("button").click()
        assert form.locator(".verdict").inner_text() == "Right."
        assert form.locator(".because").is_visible()


@pytest.mark.parametrize("name", NAMES[1:])
def test_the_text_is_there_without_scripts(opened, written, name):
    page = opened(written(name), scripts=False)
    assert len(page.inner_text("article")) > 500
