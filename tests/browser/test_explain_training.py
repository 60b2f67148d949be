"""The page's channels and training pictures in a browser: without scripts, by keyboard, no finding of axe."""

import re

import pytest
from test_report_page import SCHEMES, WIDTHS, findings


@pytest.fixture
def explained(explained_run):
    return explained_run[1]


@pytest.fixture
def path(explained_run):
    return explained_run[0]


def ready(page):
    page.wait_for_function("document.documentElement.dataset.ready === 'true'")
    return page


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_opens_from_a_disk_without_a_network_and_without_a_complaint(opened, path, width, scheme):
    page = ready(opened(path, width, scheme))
    assert page.troubles == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert findings(page) == []


def test_every_training_picture_is_there_without_scripts(opened, path, explained):
    page = opened(path, scripts=False)
    examples = explained.training_examples
    assert page.locator(".section-training > .examples li").count() == len(examples.nearest(8))
    assert page.locator(".section-training .sides:visible").count() == 10
    assert page.locator("#training-controls:visible, #filters-controls:visible").count() == 0
    first = page.locator(".sides").first
    pro, contra = examples.for_and_against(explained.answer.index, 8)
    assert first.locator(".examples").nth(0).locator("li").count() == len(pro)
    shown = [float(number) for number in re.findall(r"[+-]?\d+\.\d+", first.inner_text())]
    values = [one.value for one in (*pro, *contra)]
    assert shown == pytest.approx(values, abs=0.05 * max(map(abs, values)))
    assert "does not account for" in page.inner_text(".section-training")


def test_every_channel_is_there_without_scripts(opened, path, explained):
    page = opened(path, scripts=False)
    layers = explained.filters.of(explained.subject)
    channels = [channel for layer in layers for channel in layer.channels]
    assert page.locator(".channels > li:visible").count() == len(channels)
    assert page.locator(".channels .patches .picture").count() == 5 * len(channels)
    text = page.inner_text(".section-filters")
    for channel in channels:
        assert f"Mean activation: {channel.image_mean:.3g} on the generated picture" in text
        assert f"{channel.best_sample_mean:.3g} on the most activating training picture" in text


def test_pictures_are_drawn(opened, path):
    page = ready(opened(path))
    for kind in ("kernels", "patches", "created", "training"):
        one = page.locator(f".of-{kind}").first
        box = one.bounding_box()
        assert min(box["width"], box["height"]) > 20
        assert one.evaluate("element => getComputedStyle(element).backgroundImage").startswith(
            'url("data:image/webp'
        )


def test_the_keyboard_chooses_the_answer_that_pictures_speak_of(opened, path, explained):
    page = ready(opened(path))
    names = explained.subject.class_names
    assert page.locator(".sides:visible h4").all_inner_texts() == [f"“{names[explained.answer.index]}”"]
    page.locator("#training-class").focus()
    page.keyboard.press("ArrowDown")
    second = explained.answer.order[1]
    assert page.locator(".sides:visible h4").all_inner_texts() == [f"“{names[second]}”"]


def test_the_keyboard_chooses_a_layer_and_the_size_of_its_pictures(opened, path, explained):
    page = ready(opened(path))
    layers = explained.filters.of(explained.subject)
    page.locator("#filters-layer").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#filters-layers h4:visible code").all_inner_texts() == [layers[0].name]
    before = page.locator(".channels .created .picture").first.bounding_box()["width"]
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert page.locator("#filters-size").get_attribute("aria-valuetext") == "3 times"
    assert page.locator(".channels .created .picture").first.bounding_box()["width"] == pytest.approx(
        3 * before, rel=0.01
    )
    page.locator("#filters-layer").focus()
    page.keyboard.press("Home")
    assert page.locator("#filters-layers h4:visible").count() == len(layers)


def test_enlarged_pictures_stay_within_a_narrow_page(opened, path):
    page = ready(opened(path, 390))
    page.locator("#filters-size").focus()
    page.keyboard.press("End")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert findings(page) == []


def test_both_sections_are_small(explained):
    from tellapart.explanations.page.page import SECTIONS, page_of

    sizes = [
        len(page_of(explained, [one for one in SECTIONS if one.name in names]))
        for names in (("answer",), ("answer", "filters", "training"))
    ]
    assert sizes[1] - sizes[0] < 1e6
