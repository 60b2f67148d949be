"""The guide's questions in a browser: what counts as a right number, and what is said."""

import pytest


@pytest.fixture
def form(lesson):
    page = lesson("convolution")
    form = page.locator("form.question")

    def ask(answer, right="28", within="0"):
        form.evaluate("(one, told) => Object.assign(one.dataset, told)", {"right": right, "within": within})
        form.locator("input").fill(answer)
        form.locator("button").click()
        return form.locator(".verdict").inner_text()

    ask.form = form
    return ask


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("28", "28"),
        (" 28 ", "28"),
        ("28 rows", "28"),
        ("1563", "1563"),
        ("1,563", "1563"),
        ("2 304", "2304"),
        ("0,25", "0.25"),
        (".25", "0.25"),
        ("1,040", "1.04"),
        ("1/16", "0.0625"),
        ("6.25%", "0.0625"),
        ("98%", "98"),
        ("−3", "-3"),
        ("+3", "3"),
    ],
)
def test_numbers_are_read_as_people_write_them(form, answer, right):
    assert form(answer, right) == "Right."


@pytest.mark.parametrize("answer", ["29", "2.8", "28.5", "1/0", "-28"])
def test_other_numbers_are_wrong(form, answer):
    assert form(answer) == "Not quite. Try again."


@pytest.mark.parametrize("answer", ["", "rows", "0x1c", "twenty-eight", "1e999x", "--28"])
def test_what_is_no_number_is_asked_for_again(form, answer):
    assert form(answer) == "Write a number first."


def test_a_changed_answer_is_not_called_right(form):
    form("28")
    form.form.locator("input").fill("29")
    assert form.form.locator(".verdict").inner_text() == ""
    assert not form.form.locator(".because").is_visible()


def test_the_readers_colours_stay_from_page_to_page(lesson, written):
    written("activations")
    page = lesson("convolution")
    page.locator("#theme").click()
    chosen = page.evaluate("document.documentElement.dataset.theme")
    page.locator("a[rel=next]").click()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.documentElement.dataset.theme") == chosen


def test_on_paper_a_page_is_light_and_has_no_buttons(lesson):
    page = lesson("training", scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#run").is_visible()
