"""The first screen in a browser: the photo, the heat map over it, its slider, and the same numbers as `to_dict`."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_report_page import SCHEMES, WIDTHS, findings

from tellapart.explanations.attribution.heat_maps import HeatMaps
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.first_screen import STRENGTH
from tellapart.explanations.page.page import FORM, SECTIONS, page_of
from tellapart.text import percent

HOT = (slice(4, 8), slice(22, 26))
"""Rows and columns of the network's 32 x 32 pixels that a made-up heat map marks."""


def with_map(explanation, *, is_faithful, **changed):
    """The explanation with one hot place in its first map, which passes the faithfulness test or fails it."""
    values = np.zeros(explanation.subject.image.shape[:2], np.float32)
    values[HOT] = 1
    maps = {}
    for contrast, measured in explanation.heat_maps.maps.items():
        faithfulness = replace(
            measured[0].faithfulness,
            deletion=(0.9, 0.1),
            insertion=(0.1, 0.9),
            random_deletion=(0.9, 0.5),
            random_insertion=(0.1, 0.3),
            best_random_score=-0.4 if is_faithful else 2.0,
            deletion_is_informative=True,
            insertion_is_informative=True,
            randomized_similarity=0.1,
        )
        maps[contrast] = (replace(measured[0], method="grad_cam", values=values, faithfulness=faithfulness),)
    subject = replace(explanation.subject, **changed)
    made = Explanation(subject, FORM, explanation.filters)
    made.__dict__["heat_maps"] = HeatMaps(explanation.heat_maps.scope, maps)
    return made


@pytest.fixture(scope="module")
def photo_page(explained, tmp_path_factory):
    """Writes the page of a whole photo, 640 x 427, in a network that sees 32 x 32 pixels of its middle."""
    from sklearn.datasets import load_sample_image

    folder = tmp_path_factory.mktemp("photo")

    def write(is_faithful=True):
        path = folder / f"{is_faithful}.html"
        if not path.exists():
            made = with_map(
                explained.explanation, is_faithful=is_faithful, original=load_sample_image("flower.jpg")
            )
            shown = [section for section in SECTIONS if section.name == "why"]
            path.write_text(page_of(made, shown), encoding="utf-8")
        return path

    return write


def ready(page):
    page.wait_for_selector("html[data-ready]")
    return page


def pixels(page):
    shot = page.locator(".stage").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.float64)


def opacity(page):
    return float(page.locator(".stage .heat").evaluate("(map) => getComputedStyle(map).opacity"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_photo_fits_every_screen(opened, photo_page, width, scheme):
    page = ready(opened(photo_page(), width, scheme))
    assert page.troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    box = page.locator(".stage").bounding_box()
    assert box["width"] / box["height"] == pytest.approx(640 / 427, rel=0.01)
    assert box["y"] + box["height"] < 900
    assert findings(page) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_map_lies_on_what_the_network_sees(opened, photo_page, explained, width):
    page = ready(opened(photo_page(), width))
    stage, drawn = (page.locator(place).bounding_box() for place in (".stage", ".stage .heat"))
    left, top, right, bottom = explained.explanation.subject.card.preprocessing.placement(427, 640).source
    scale = stage["width"] / 640
    assert drawn["x"] - stage["x"] == pytest.approx(left * scale, abs=0.5)
    assert drawn["y"] - stage["y"] == pytest.approx(top * scale, abs=0.5)
    assert drawn["width"] == pytest.approx((right - left) * scale, abs=0.5)
    assert drawn["height"] == pytest.approx((bottom - top) * scale, abs=0.5)
    assert (left, right) != (0, 640)


def test_a_marked_place_is_blue_where_the_photo_shows_it(opened, photo_page, explained):
    """The map's hot pixels, taken back through the preprocessing, are the blue ones on the screen."""
    page = ready(opened(photo_page()))
    page.locator("#strength").press("End")
    shown = pixels(page)
    blue = np.maximum(0, shown[..., 2] - shown[..., :2].mean(-1))  # the photo itself is gray now
    rows, columns = np.indices(blue.shape) + 0.5
    scale = page.locator(".stage").bounding_box()["width"] / 640
    left, top, right, bottom = explained.explanation.subject.card.preprocessing.placement(427, 640).source
    expected = [
        (top + (HOT[0].start + HOT[0].stop) / 2 / 32 * (bottom - top)) * scale,
        (left + (HOT[1].start + HOT[1].stop) / 2 / 32 * (right - left)) * scale,
    ]
    assert [(axis * blue).sum() / blue.sum() for axis in (rows, columns)] == pytest.approx(expected, abs=2)


def test_the_slider_changes_the_maps_opacity_by_keyboard(opened, photo_page):
    page = ready(opened(photo_page()))
    slider = page.get_by_role("slider", name="heat map strength")
    assert slider.get_attribute("id") == "strength"
    assert opacity(page) == pytest.approx(STRENGTH / 100)
    slider.focus()
    seen = []
    for key, strength in (("Home", 0), ("ArrowRight", 5), ("End", 100), ("ArrowLeft", 95)):
        page.keyboard.press(key)
        assert opacity(page) == pytest.approx(strength / 100)
        assert page.inner_text("#strength-value") == slider.get_attribute("aria-valuetext") == f"{strength}%"
        seen.append(pixels(page))
    assert np.abs(seen[0] - seen[2]).max() > 100
    without = seen[0]
    assert np.abs(without[..., 0] - without[..., 1]).max() > 60  # at 0% the photo has its colors


def test_without_scripts_the_photo_is_there_under_its_map(opened, photo_page):
    page = opened(photo_page(), scripts=False)
    assert (
        page.locator(".stage > img").first.evaluate("(image) => image.complete && image.naturalWidth") == 640
    )
    assert opacity(page) == pytest.approx(STRENGTH / 100)
    assert page.locator("#strength").is_hidden()
    shown = pixels(page)
    np.testing.assert_allclose(shown, pixels(ready(opened(photo_page()))), atol=2)
    assert page.locator(".stage").get_attribute("aria-label").startswith("The picture under a heat map")


def test_a_map_that_fails_the_test_is_hidden_until_it_is_asked_for(opened, photo_page):
    page = ready(opened(photo_page(is_faithful=False)))
    assert "fails the faithfulness test" in page.inner_text(".answer .verdict")
    assert opacity(page) == 0
    page.locator("#strength").press("End")
    assert opacity(page) == 1


def test_the_bars_are_the_numbers_of_to_dict(opened, explained):
    page = ready(opened(explained.path))
    probabilities = explained.explanation.to_dict()["probabilities"]
    rows = [row.split("\t") for row in page.locator(".bars tbody tr").all_inner_texts()]
    best = sorted(probabilities, key=probabilities.get, reverse=True)
    assert rows[:-1] == [[name, percent(probabilities[name])] for name in best[: len(rows) - 1]]
    others = 1 - sum(probabilities[name] for name in best[: len(rows) - 1])
    assert rows[-1] == [f"{10 - len(rows) + 1} others", percent(others)]
    assert explained.explanation.to_dict()["predicted"] in page.inner_text("h1")


def test_one_probability_stands_on_the_first_screen(opened, explained):
    """The calibrated one, and that of the single picture, are behind details, which are closed."""
    page = ready(opened(explained.path))
    answer = explained.explanation.answer
    hidden = [percent(float(answer.calibrated.max())), percent(float(answer.probabilities.max()))]
    shown = page.inner_text("header") + page.inner_text(".section-first_screen")
    for number in hidden:
        assert number not in shown
    details = page.locator(".answer details")
    details.locator("summary").press("Enter")
    assert (
        f"if the picture is one of the model’s 10 classes, the probability of {answer_name(explained)} is"
        in (details.inner_text())
    )
    for number in hidden:
        assert number in details.inner_text()


def answer_name(explained):
    return explained.explanation.to_dict()["predicted"]


def test_a_small_picture_is_enlarged_with_hard_pixels(opened, explained):
    page = ready(opened(explained.path))
    rendering = "(image) => getComputedStyle(image).imageRendering"
    assert page.locator(".stage > img").first.evaluate(rendering) == "pixelated"
    assert page.locator(".stage").bounding_box()["width"] > 8 * 48


def test_what_the_first_screen_needs_comes_first_in_the_file(explained):
    """So that a browser paints it before it has read the rest."""
    page = explained.path.read_text(encoding="utf-8")
    assert page.index('class="section-first_screen"') < page.index("</section>") < 0.2 * len(page)
    assert page.index("</section>") < page.index('id="data"')
