"""The guide's page on convolution in a browser: what it computes is what the engine computes."""

import numpy as np
import pytest

from tellapart.guide.making import convolution as making
from tellapart.guide.making.photo import cat


@pytest.fixture
def page(lesson):
    return lesson("convolution")


def numbers(page, what):
    return [
        float(one)
        for one in page.locator(f"#sums [data-what={what}]").evaluate_all(
            "all => all.map((one) => one.dataset.value)"
        )
    ]


@pytest.mark.parametrize("name", making.KERNELS)
def test_the_window_is_multiplied_and_added_up_as_the_engine_does(page, name):
    page.select_option("#kernel", name)
    picture = cat(making.SIDE, 1)[..., 0]
    made = making.convolved(picture, np.array(making.KERNELS[name], np.float32))
    for row, column in [(0, 0), (9, 7), (21, 21), (3, 18)]:
        page.locator("#row").fill(str(row))
        page.locator("#column").fill(str(column))
        assert numbers(page, "input") == picture[row : row + 3, column : column + 3].flatten().tolist()
        assert numbers(page, "sum")[0] == pytest.approx(float(made[row, column]), abs=1e-3)


def test_own_numbers_make_a_kernel(page):
    page.locator("#own input").nth(4).fill("2.5")
    assert page.locator("#kernel").input_value() == ""
    assert numbers(page, "weight")[4] == 2.5
    assert numbers(page, "product")[4] == 2.5 * numbers(page, "input")[4]


def test_the_pointer_moves_the_window(page):
    page.locator("#picture").hover(position={"x": 1, "y": 1})
    assert page.locator("#row").input_value() == "0"
    assert page.locator("#column").input_value() == "0"


def test_sizes_are_said(page):
    page.select_option("#size-window", "5")
    page.select_option("#size-stride", "2")
    side = making.output_side(5, 2, "valid")
    assert f"has {side} × {side} numbers" in page.inner_text("#size-says")


def test_the_question_is_checked(page):
    form = page.locator("form.question")
    for answer, says in [("", "first"), ("rows", "first"), ("30", "Not quite"), ("28", "Right")]:
        form.locator("input").fill(answer)
        form.locator("button").click()
        assert says in form.locator(".verdict").inner_text()
    assert form.locator(".because").is_visible()
