"""The guide's page on softmax in a browser: its shares are Keras's, and its bins those that were measured."""

import numpy as np
import pytest

from tellapart.guide.contents import named
from tellapart.keras_backend import import_keras

keras = import_keras()

FACTS = named("softmax").facts
NAMES = ["cat", "dog", "frog", "truck"]


@pytest.fixture
def page(lesson):
    return lesson("softmax")


def numbers(page, where, what):
    return page.locator(f"{where} [data-what={what}]").evaluate_all(
        "all => all.map((one) => Number(one.dataset.value))"
    )


def move(page, logits, temperature=1.0, added=0.0):
    for name, value in zip(NAMES, logits, strict=True):
        page.locator(f"#{name}").fill(str(value))
    page.locator("#temperature").fill(str(temperature))
    page.locator("#added").fill(str(added))


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("logits", [[2, 1, 0.2, -1], [5, -5, 5, 0], [-3.3, -3.3, -3.3, -3.3]])
def test_shares_are_kerass(page, logits, temperature):
    move(page, logits, temperature)
    by_keras = keras.ops.convert_to_numpy(keras.ops.softmax(np.array(logits, np.float32) / temperature))
    np.testing.assert_allclose(numbers(page, "#steps", "share"), by_keras, atol=1e-6)
    exponents = np.array(logits) / temperature
    np.testing.assert_allclose(numbers(page, "#steps", "exponent"), exponents, rtol=1e-9)
    np.testing.assert_allclose(numbers(page, "#steps", "power"), np.exp(exponents), rtol=1e-9)
    assert page.inner_text("#total-share") == "100.0%"
    assert numbers(page, "#steps-say", "largest")[0] == pytest.approx(by_keras.max(), abs=1e-6)


def test_a_number_added_to_all_changes_no_share(page):
    move(page, [2, 1, 0.2, -1])
    before = numbers(page, "#steps", "share")
    move(page, [2, 1, 0.2, -1], added=5)
    np.testing.assert_allclose(numbers(page, "#steps", "share"), before, rtol=1e-9)
    assert numbers(page, "#steps", "exponent")[0] == 7


def test_the_largest_is_named_with_its_distance(page):
    move(page, [0, 0, 3, 2])
    assert "frog has the highest probability" in page.inner_text("#steps-say")
    assert "2.72 times that of truck" in page.inner_text("#steps-say")
    move(page, [1, 1, 1, 1])
    assert "equal to that of dog" in page.inner_text("#steps-say")


def test_no_probability_is_shown_as_0_or_100_percent(page):
    move(page, [5, -5, -5, -5], temperature=0.2)
    assert page.locator("#steps [data-what=share]").all_inner_texts() == ["> 99.9%", *["< 0.1%"] * 3]
    assert page.locator("#steps [data-what=power]").all_inner_texts() == ["7.2 × 10¹⁰", *["1.4 × 10⁻¹¹"] * 3]
    assert "> 99.9%, 5.2 × 10²¹ times that of" in page.inner_text("#steps-say")


@pytest.mark.parametrize("logits", [[2, 1, 0.2, -1], [5, -5, -5, -5]])
def test_a_narrow_page_does_not_scroll_sideways(lesson, logits):
    page = lesson("softmax", 320)
    move(page, logits, temperature=0.2 if logits[0] == 5 else 1)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    table = page.locator(".scroll:has(#shares)")
    assert table.evaluate("(one) => one.scrollWidth <= one.clientWidth") or logits[0] == 5


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_bin_is_shown_as_it_was_measured(page, when):
    page.select_option("#when", when)
    for place, bin_ in enumerate(FACTS["digits"][when]["bins"]):
        page.locator("#sure").fill(str(place))
        says = page.inner_text("#reliability-says")
        if not bin_["answers"]:
            assert says.startswith("No prediction")
            continue
        assert f"{bin_['answers']:,} of 10,970 " in says
        for what in ("confidence", "accuracy"):
            assert numbers(page, "#reliability-says", what)[0] == pytest.approx(bin_[what])
    filled = [one for one in FACTS["digits"][when]["bins"] if one["answers"]]
    assert page.locator("#reliability circle").count() == len(filled) + 1
