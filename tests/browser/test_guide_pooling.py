"""The guide's page on pooling in a browser: what it pools is what the engine pools."""

import numpy as np
import pytest
from frames import frame_offsets

from tellapart.guide.contents import named
from tellapart.guide.lessons import pooling as making

FACTS = named("pooling").facts
MAP = np.array(FACTS["maps"][0], np.float32).reshape(FACTS["map_side"], -1)


@pytest.fixture
def page(lesson):
    return lesson("pooling")


def numbers(page, place, what):
    spans = page.locator(f"#{place} [data-what={what}]")
    return [float(one) for one in spans.evaluate_all("all => all.map((one) => one.dataset.value)")]


def choose(page, kind, size, step):
    for name, value in (("kind", kind), ("size", size), ("step", step)):
        page.select_option(f"#{name}", str(value))


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(("size", "step"), [(2, 2), (3, 1), (4, 3), (2, 4)])
def test_windows_are_pooled_as_the_engine_does(page, kind, size, step):
    choose(page, kind, size, step)
    made = making.pooled(MAP, size, step, kind)
    last = len(made) - 1
    assert f"{last + 1} × {last + 1}" in page.inner_text("#pooled-says")
    for row, column in [(0, 0), (last, last), (1, last // 2)]:
        page.locator("#row").fill(str(row))
        page.locator("#column").fill(str(column))
        window = MAP[row * step : row * step + size, column * step : column * step + size]
        assert numbers(page, "sums", "input") == window.flatten().tolist()
        assert numbers(page, "sums", "pooled")[0] == pytest.approx(float(made[row, column]), rel=1e-6)
        winners = page.locator("#sums td.winner")
        assert {float(one.get_attribute("data-value")) for one in winners.all()} == (
            {float(window.max())} if kind == "max" else set()
        )


def test_the_winner_is_framed_in_the_map(page):
    box, frame = page.locator("#made").bounding_box(), page.locator("#made-winner").bounding_box()
    cell = box["width"] / len(MAP)
    column = round((frame["x"] - box["x"]) / cell)
    row = round((frame["y"] - box["y"]) / cell)
    assert MAP[row, column] == numbers(page, "sums", "pooled")[0] == making.pooled(MAP)[4, 4]
    assert page.locator("#winner-says").is_visible()
    page.select_option("#kind", "average")
    assert not page.locator("#made-winner").is_visible()
    assert not page.locator("#winner-says").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (4, 5), (10, 10)])
def test_frames_enclose_their_cells(lesson, width, row, column):
    page = lesson("pooling", width)
    page.locator("#row").fill(str(row))
    page.locator("#column").fill(str(column))
    winner = int(MAP[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].argmax())
    noisy = [place // 2 for place in making.NOISY]
    view = FACTS["views"]["with"][2]
    for name, *cells in [
        ("made-window", "made", len(MAP), 2 * row, 2 * column, 2),
        ("made-winner", "made", len(MAP), 2 * row + winner // 2, 2 * column + winner % 2),
        ("pooled-place", "pooled", len(MAP) // 2, row, column),
        ("noisy-max-place", "noisy-max", making.SIDE // 2, *noisy),
        ("noisy-average-place", "noisy-average", making.SIDE // 2, *noisy),
        ("photo-view", "photo", 32, view["first"], view["first"], view["size"]),
    ]:
        canvas, *rest = cells
        assert np.abs(frame_offsets(page, canvas, f"#{name}", *rest)).max() < 1, name


def test_a_larger_window_leaves_fewer_places_for_the_sliders(page):
    page.locator("#row").fill("10")
    choose(page, "max", 4, 4)
    assert page.locator("#row").input_value() == "4"
    assert page.inner_text("#row-says") == "4"


def test_the_pointer_moves_the_window(page):
    page.locator("#made").hover(position={"x": 2, "y": 2})
    assert page.locator("#row").input_value() == page.locator("#column").input_value() == "0"


@pytest.mark.parametrize("pixels", range(making.SHIFTS + 1))
def test_a_shift_changes_as_much_as_measured(page, pixels):
    page.locator("#right").fill(str(pixels))
    says = page.inner_text("#shift-says")
    for name in ("none", "once", "twice"):
        assert pixels == 0 or f"{100 * FACTS['differences'][name][pixels]:.0f}%" in says
    side = page.locator("#shift-once").evaluate("(one) => one.width")
    assert side == len(making.pooled(MAP))


def test_twice_pooled_in_the_page_is_twice_pooled_in_the_engine(page):
    script = """(map) => import("pooling").then(({ pool }) => {
      const how = { kind: "max", size: 2, step: 2 };
      return pool(pool(map, how), how).values;
    })"""
    pooled = page.evaluate(script, {"values": MAP.flatten().tolist(), "side": len(MAP)})
    assert pooled == making.pooled_often(MAP, 2).flatten().tolist()


@pytest.mark.parametrize(("light", "times"), [(255, 0), (255, 3), (0, 1), (120, 2)])
def test_one_pixel_is_pooled_again_and_again(page, light, times):
    page.locator("#light").fill(str(light))
    page.locator("#times").fill(str(times))
    picture = making.shifted(0).astype(np.float32)
    picture[making.NOISY] = light
    for kind in ("max", "average"):
        made = picture
        for _ in range(times):
            made = making.pooled(made, kind=kind)
        row, column = (place // 2**times for place in making.NOISY)
        assert numbers(page, "noise-says", kind)[0] == pytest.approx(float(made[row, column]), abs=1e-3)


@pytest.mark.parametrize("layer", range(1, 7))
def test_the_receptive_field_is_framed_and_written(page, layer):
    for name in ("with", "without"):
        page.locator("#with").set_checked(name == "with")
        page.locator("#layer").fill(str(layer))
        field = FACTS["views"][name][layer - 1]
        says = page.inner_text("#view-says")
        assert f"{field['numbers']:,} numbers" in says
        assert f"depends on {field['size']} × {field['size']} pixels" in says
        box, frame = page.locator("#photo").bounding_box(), page.locator("#photo-view").bounding_box()
        assert frame["width"] / box["width"] == pytest.approx(field["size"] / 32, abs=0.01)
