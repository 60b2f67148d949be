"""The explain page in a browser: probabilities, the picture and the layers, by mouse and by keyboard."""

import math

import pytest
from test_report_page import SCHEMES, WIDTHS, findings


@pytest.fixture
def ready(opened, explained):
    def open_ready(*how, **more):
        page = opened(explained.path, *how, **more)
        page.wait_for_selector("html[data-ready]")
        return page

    return open_ready


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_from_a_disk_without_a_network_and_without_a_complaint(ready, width, scheme):
    page = ready(width, scheme)
    assert page.troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert findings(page) == []


def test_every_layer_can_be_shown_without_a_complaint(ready):
    page = ready(390)
    cards = page.locator("#flow button").count()
    names = []
    for _ in range(cards):
        names.append(page.inner_text("#layer-name"))
        assert page.locator("#arithmetic [data-what=output]").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.locator("#layer-description").inner_text()
        if page.locator("#layer-after").get_attribute("aria-disabled") == "true":
            break
        page.locator("#layer-after").press("Enter")
    assert len(set(names)) >= cards - 2
    assert page.troubles == []


@pytest.mark.parametrize("kind", ["Conv2D", "MaxPooling2D", "BatchNormalization", "Dense"])
def test_a_layers_view_has_no_serious_finding(ready, kind):
    page = ready()
    page.locator("#flow button", has=page.locator(f".kind:text-is('{kind}')")).first.click()
    assert findings(page) == []


def test_layers_are_chosen_by_keyboard_alone(ready):
    page = ready()
    first = page.inner_text("#layer-name")
    page.locator("#flow button[aria-pressed=true]").focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#layer-name") != first
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#layer-name") == first
    before = page.inner_text("#arithmetic")
    page.locator("#layer-row").focus()
    page.keyboard.press("ArrowUp")
    page.locator("#layer-column").focus()
    page.keyboard.press("ArrowUp")
    assert page.inner_text("#arithmetic") != before


def test_a_place_on_the_map_is_chosen_by_the_mouse(ready):
    page = ready()
    canvas = page.locator("#layer-maps figure").last.locator("canvas")
    canvas.click(position={"x": 3, "y": 3})
    assert page.locator("#layer-row").input_value() == "0"
    assert page.locator("#layer-column").input_value() == "0"


def test_probabilities_follow_the_temperature_and_add_up(ready, explained):
    page = ready()
    logits = explained.explanation.answer.logits
    slider = page.locator("#temperature")
    slider.focus()
    for key in ("Home", "End", "PageDown", "ArrowRight"):
        page.keyboard.press(key)
        temperature = math.exp(math.log(20) / 100 * float(slider.input_value()))
        raised = [math.exp((one - max(logits)) / temperature) for one in logits]
        shown = page.locator("#softmax .probability").evaluate_all(
            "(cells) => cells.map((cell) => Number(cell.dataset.value))"
        )
        assert shown[-1] == pytest.approx(1)
        assert shown[0] == pytest.approx(max(raised) / sum(raised), rel=1e-5)
    page.locator("#temperature-one").press("Enter")
    assert slider.input_value() == "0"


def test_a_pixels_numbers_are_the_pictures(ready, explained):
    page = ready()
    image = explained.explanation.subject.image
    for row, column in ((0, 0), (31, 31), (7, 20)):
        page.locator("#picture-row").fill(str(row))
        page.locator("#picture-column").fill(str(column))
        red, green, blue = image[row, column].tolist()
        assert page.inner_text("#picture-says") == (
            f"Row {row}, column {column}: red {red}, green {green}, blue {blue}."
        )
        cells = page.locator("#picture-numbers td")
        for index in range(0, cells.count(), 5):
            cell = cells.nth(index)
            at = int(cell.get_attribute("data-row")), int(cell.get_attribute("data-column"))
            assert [int(one) for one in cell.inner_text().split()] == image[at].tolist()
    page.locator("#picture-channel").select_option("1")
    assert page.locator("#picture-numbers td.chosen").inner_text() == str(image[7, 20, 1])


@pytest.mark.parametrize("button", ["layer-before", "layer-after"])
def test_the_focus_stays_at_the_first_and_the_last_layer(ready, button):
    page = ready()
    cards = page.locator("#flow button")
    page.locator(f"#{button}").focus()
    for _ in range(cards.count() + 1):
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == button
    end = cards.first if button == "layer-before" else cards.last
    assert end.get_attribute("aria-pressed") == "true"
    assert page.locator(f"#{button}").get_attribute("aria-disabled") == "true"


def test_a_short_sentence_alone_is_announced(ready):
    page = ready()
    live = page.locator("#layers ~ [aria-live], #layers ~ * [aria-live]")
    for kind in ("Conv2D", "MaxPooling2D", "Dense"):
        page.locator("#flow button", has=page.locator(f".kind:text-is('{kind}')")).first.click()
        (says,) = live.all_text_contents()
        name, number = (
            page.inner_text("#layer-name"),
            page.locator("#arithmetic [data-what=output]").inner_text(),
        )
        assert says.startswith(f"{name}, {kind}")
        assert says.endswith(f": {number}")
        assert len(says) < 100


def test_on_a_narrow_screen_probabilities_are_seen_without_scrolling(ready):
    page = ready(390)
    for cell in page.locator("#softmax .probability").all():
        box = cell.bounding_box()
        assert box["x"] + box["width"] <= 370


def test_zero_has_no_sign(ready):
    page = ready()
    written = page.evaluate(
        "import('maps').then((maps) => [maps.number(-0), maps.fixed(-0.0001, 3), maps.fixed(-0.1, 1)])"
    )
    assert written == ["0", "0.000", "-0.1"]


def test_it_reads_without_scripts(opened, explained):
    page = opened(explained.path, scripts=False)
    text = page.inner_text("main")
    explanation = explained.explanation
    best = explanation.subject.class_names[int(explanation.answer.tta_probabilities.argmax())]
    assert best in page.inner_text("h1")
    assert "From logits to probabilities" in text
    assert page.locator("#layers ~ details tbody tr").count() == len(explanation.recording.layers)
    assert page.locator("button:visible, select:visible, input:visible").count() == 0
    assert page.locator(".of-picture").bounding_box()["height"] > 200
    assert "Turn on JavaScript" in page.inner_text(".section-layers")


def test_with_scripts_the_picture_is_drawn_and_controls_are_there(ready):
    page = ready()
    assert page.locator(".of-picture:visible").count() == 0
    assert page.locator("#picture-canvas").is_visible()
    for control in ("strength", "temperature", "picture-row", "layer-after"):
        assert page.locator(f"#{control}").is_visible()
    assert "Turn on JavaScript" not in page.inner_text(".section-layers")
