"""The guide's questions in a browser: what counts as a right number, and what is said."""

import pytest

TEXT_BESIDE = """(label) => {
  const range = document.createRange();
  range.selectNodeContents(label.lastChild);
  const lines = [...range.getClientRects()].map((one) => one.left);
  return [label.querySelector("input").getBoundingClientRect().right, lines];
}"""
"""Where a choice's circle ends, and where each line of its text begins."""


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


@pytest.mark.parametrize("answer", ["", "rows", "twenty-eight", "--28"])
def test_what_is_no_number_is_asked_for_again(form, answer):
    assert form(answer) == "Enter a number first."


@pytest.mark.parametrize("answer", ["28 × 28", "32 - 5 + 1", "28 x 28", "3 of 4", "0x1c"])
def test_of_several_numbers_one_is_asked_for(form, answer):
    assert form(answer) == "Enter a single number."


def test_a_number_may_be_right_in_another_unit(form):
    form.form.evaluate("(one) => { one.dataset.also = '36000000'; }")
    for answer in ("36", "36 million", "36,000,000", "36000000"):
        assert form(answer, right="36") == "Right."
    assert form("360", right="36").startswith("Not quite.")


def test_after_three_wrong_answers_the_right_one_can_be_seen(form):
    form.form.evaluate("(one) => { one.dataset.hint = 'Count again.'; }")
    shows = form.form.locator(".shows")
    for answer in ("1", "2", "3"):
        assert shows.count() == 0
        form.form.locator("input").fill(answer)
        form.form.locator("button").first.click()
        assert form.form.locator(".verdict").inner_text() == "Not quite. Count again."
    shows.click()
    assert form.form.locator(".verdict").inner_text().startswith("The answer: ")
    assert form.form.locator(".because").is_visible()


def test_a_right_answer_takes_the_offer_to_show_it_away(form):
    shows = form.form.locator(".shows")
    for answer, offers in [("1", 0), ("2", 0), ("3", 1), ("28", 0), ("4", 1)]:
        form.form.locator("input").fill(answer)
        form.form.locator("button").first.click()
        assert shows.count() == offers


@pytest.mark.parametrize("width", [1280, 390])
def test_a_choice_is_written_beside_its_circle(lesson, width):
    """Its later lines too: all of the text begins at one place, to the right of the circle."""
    page = lesson("dog-or-cat", width)
    for label in page.locator("form.question fieldset label").all():
        circle, lines = label.evaluate(TEXT_BESIDE)
        assert len(lines) == 1 or width == 390
        assert all(left == pytest.approx(lines[0], abs=1) and left > circle for left in lines)


def test_a_wrong_choice_says_where_to_look(lesson):
    page = lesson("descent")
    form = page.locator("form.question[data-kind=choice]")
    form.locator("input[value='50000']").check()
    form.locator("button").click()
    hint = form.locator("input[value='50000']").get_attribute("data-hint")
    assert form.locator(".verdict").inner_text() == f"Not quite. {hint}"


def test_a_changed_answer_is_not_called_right(form):
    form("28")
    form.form.locator("input").fill("29")
    assert form.form.locator(".verdict").inner_text() == ""
    assert not form.form.locator(".because").is_visible()


def test_the_readers_colors_stay_from_page_to_page(lesson, written):
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
