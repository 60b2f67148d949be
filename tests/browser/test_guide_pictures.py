"""The guide's page on pictures in a browser: the numbers written are those of the picture, lighter or divided."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tellapart.guide.lessons._photo import cat

PIXELS = """(canvas) => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.fixture
def page(lesson):
    return lesson("pictures")


def pixels(page, canvas):
    return np.array(page.locator(canvas).evaluate(PIXELS)).reshape(32, 32, 4)[..., :3]


@pytest.mark.parametrize(
    ("row", "column", "added"), [(0, 0, 0), (11, 8, 60), (31, 20, 255), (5, 31, -90), (16, 16, -255)]
)
def test_the_numbers_around_a_pixel_are_written(page, row, column, added):
    page.locator("#picture-row").fill(str(row))
    page.locator("#picture-column").fill(str(column))
    page.locator("#lightness").fill(str(added))
    lighter = np.clip(cat(32).astype(int) + added, 0, 255)
    red, green, blue = lighter[row, column]
    assert (
        page.inner_text("#picture-says")
        == f"Row {row}, column {column}: red {red}, green {green}, blue {blue}."
    )
    cells = page.locator("#picture-numbers td")
    assert cells.count() == 49
    for cell in cells.all()[::8]:
        place = int(cell.get_attribute("data-row")), int(cell.get_attribute("data-column"))
        assert [int(one) for one in cell.inner_text().split()] == lighter[place].tolist()
    says = page.inner_text("#lightness-tells")
    assert says == f"Of 3,072 numbers, {(lighter == 0).sum():,} are 0 and {(lighter == 255).sum():,} are 255."


def test_one_color_alone(page):
    page.select_option("#picture-channel", "2")
    drawn = pixels(page, "#picture-canvas")
    drawn[11, 8] = cat(32)[11, 8, 2]  # the chosen one is marked
    np.testing.assert_array_equal(drawn, np.repeat(cat(32)[..., 2:], 3, axis=2))
    assert page.locator("#picture-numbers td.chosen").inner_text() == str(cat(32)[11, 8, 2])


def test_the_pointer_chooses_a_pixel_and_the_sliders_follow(page):
    page.locator("#picture-canvas").hover(position={"x": 2, "y": 2})
    assert page.inner_text("#picture-says").startswith("Row 0, column 0:")
    assert [page.inner_text(f"#picture-{name}-says") for name in ("row", "column")] == ["0", "0"]


@pytest.mark.parametrize("white", [16, 255])
@pytest.mark.parametrize("digit", [0, 7])
def test_a_digit_is_written_in_its_lightness(page, digit, white):
    page.locator("#digit").fill(str(digit))
    page.select_option("#white", str(white))
    numbers = load_digits().images[digit].astype(int)  # the first ten are the figures in order
    cells = page.locator("#digit-numbers td")
    assert [int(one) for one in cells.all_inner_texts()] == numbers.flatten().tolist()
    color = cells.nth(int(numbers.argmax())).evaluate("(one) => getComputedStyle(one).backgroundColor")
    assert color == "rgb({0}, {0}, {0})".format(round(255 * numbers.max() / white))


@pytest.mark.parametrize("answer", ["36", "36 million", "36,000,000", "36000000"])
def test_millions_may_be_written_out(page, answer):
    form = page.locator("form.question").first
    form.locator("input").fill(answer)
    form.locator("button").click()
    assert form.locator(".verdict").inner_text() == "Right."


@pytest.mark.parametrize("answer", ["12", "12 million", "12,000,000"])
def test_pixels_given_for_numbers_get_a_hint_of_their_own(page, answer):
    form = page.locator("form.question").first
    form.locator("input").fill(answer)
    form.locator("button").click()
    assert (
        form.locator(".verdict").inner_text()
        == "Not quite. That is the number of pixels. How many numbers does each have?"
    )
    form.locator("input").fill("13")
    form.locator("button").click()
    assert form.locator(".verdict").inner_text().startswith("Not quite. Count the pixels first.")


def test_the_division_and_its_second_run(page):
    numbers = cat(32).astype(float)
    for times in ("Not divided", "Divided once", "Divided twice"):
        says = page.inner_text("#divided-says")
        assert says.startswith(f"{times}: ")
        told = [float(one.rstrip(".")) for one in says.replace(",", "").split() if one[0].isdigit()]
        assert told == pytest.approx(
            [numbers.min(), numbers.max(), numbers.size, (numbers >= 1).sum(), 1], rel=0.05
        )
        drawn = np.clip(255 * numbers, 0, 255)
        np.testing.assert_allclose(pixels(page, "#divided"), drawn, atol=0.51)
        numbers = numbers / 255
        page.locator("#divide-run").focus()
        page.keyboard.press("Enter")
    page.locator("#divide-anew").click()
    assert "Not divided" in page.inner_text("#divided-says")
