"""Cards: what every object says of itself, however large, odd or hostile its values are."""

import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pytest

from tellapart.pages.card import (
    LARGEST_CARD,
    LONGEST_LINE,
    MOST_ROWS,
    Bars,
    Card,
    Code,
    Drawing,
    Facts,
    Picture,
    Pictures,
    Readable,
    Table,
    Words,
)
from tellapart.pages.curve_svg import MOST_POINTS, Panel, curves_svg
from tellapart.pages.thumbnail import thumbnail


@dataclass(frozen=True, slots=True)
class Settings(Readable):
    """Settings of something."""

    name: str
    rate: float = 0.1
    sides: tuple[int, ...] = ()
    notes: dict = field(default_factory=dict)
    pixels: np.ndarray | None = None


class Tags(HTMLParser):
    """Checks that elements close, and keeps the text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.text, self.names = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_fields_that_differ_from_their_defaults_are_the_line():
    assert repr(Settings("a")) == "Settings(name='a')"
    assert repr(Settings("a", 0.5, (48, 64))) == "Settings(name='a', rate=0.5, sides=(48, 64))"


def test_a_line_is_one_and_short_whatever_the_values_are():
    line = repr(Settings("x\ny" * 500, sides=tuple(range(1000)), pixels=np.zeros((3000, 3000))))
    assert len(line) <= LONGEST_LINE
    assert "\n" not in line
    assert "array (3000, 3000) float64" in line


def test_a_line_that_is_cut_says_so():
    class Long(Readable):
        def _parts(self):
            return ["accuracy 90%", "a" * 300, "never seen"]

    assert repr(Long()).startswith("<Long: accuracy 90%, aaa")
    assert repr(Long()).endswith("a…>")
    assert len(repr(Long())) <= LONGEST_LINE


def test_text_of_strangers_is_escaped():
    html = Card(
        "X", "<script>alert(1)</script>", [Facts([("<b>", "<img src=x onerror=alert(1)>")]), Words("a & b")]
    ).to_html()
    tags = Tags(html)
    assert "script" not in tags.names
    assert "img" not in tags.names
    assert "<script>alert(1)</script>" in "".join(tags.text)


def test_every_block_is_well_formed():
    picture = thumbnail(np.zeros((8, 8, 1), np.uint8), 'a "quoted" <name>')
    blocks = [
        Facts([("a", None), ("b", 1.5), ("c", True)]),
        Table(("x", "y"), [("1", 2)] * 30, "Rows"),
        Bars([("cat", 0.9), ("dog", 0.1)]),
        Pictures([picture], "Some"),
        Drawing(curves_svg([Panel("loss", {"training": [1.0, 0.5]}, 2)])),
        Words("Done."),
        Code("a < b"),
    ]
    text = " ".join("".join(Tags(Card("X", "y", blocks).to_html()).text).split())
    assert "and 10 more" in text
    assert "90.0%" in text
    assert "a < b" in text


@pytest.mark.parametrize("count", [0, 1, MOST_ROWS, 100_000])
def test_a_table_of_any_length_is_small(count):
    html = Card("X", "", [Table(("name",), [("n" * 500,)] * count)]).to_html()
    assert len(html.encode()) < LARGEST_CARD / 10
    assert (f"and {count - MOST_ROWS:,} more" in html) == (count > MOST_ROWS)


def test_pictures_that_are_too_large_are_left_out_and_that_is_said():
    noise = "data:image/webp;base64," + "A" * 2 * LARGEST_CARD
    html = Card("X", "accuracy 90%", [Pictures([Picture(noise, "one", 96)]), Words("kept")]).to_html()
    assert len(html.encode()) <= LARGEST_CARD
    assert "too large for a notebook" in html
    assert "kept" in html


def test_a_thumbnail_of_a_photo_is_a_few_kilobytes():
    photo = np.random.default_rng(0).integers(0, 255, (2000, 3000, 3), dtype=np.uint8)
    picture = thumbnail(photo, "noise")
    assert len(picture.url) < 20_000
    assert (picture.width, picture.is_pixels) == (96, False)
    assert thumbnail(np.zeros((8, 16, 1), np.uint8), "small").is_pixels


def test_curves_of_any_length_and_without_finite_values_are_drawn():
    values = np.linspace(2, 0.1, 5_000).tolist()
    long = curves_svg([Panel("loss", {"training": values, "validation": [math.nan, *values[1:]]}, 5_000)])
    Tags(long)
    assert len(long) < 10_000
    for points in re.findall(r'points="([^"]*)"', long):
        assert MOST_POINTS / 2 <= len(points.split()) <= MOST_POINTS + 1
    assert "nan" not in curves_svg([Panel("loss", {"training": [math.nan], "validation": [math.inf]}, 3)])
    assert "polyline" not in curves_svg([Panel("loss", {"training": []}, 3)])
    Tags(curves_svg([Panel("accuracy", {"training": [0.5, 0.5]}, 2)]))


def test_columns_of_figures_alone_are_aligned_to_the_right():
    rows = [("7", "1,500", "94.1%", "+0.25 points", "a"), ("8", "–", "8%", "-3 points", "12")]
    table = Table(("class", "n", "recall", "gain", "note"), rows)
    assert table.are_figures == [False, True, True, True, False]
    html = Card("X", "", [table]).to_html()
    assert '<td>7</td><td class="n">1,500</td>' in html
    assert '<th scope="col">note</th>' in html
    assert Table(("name",), []).are_figures == []


def test_cells_of_a_card_are_aligned_by_itself():
    """JupyterLab aligns every cell to the right by `.jp-RenderedHTMLCommon td`, which must weigh less."""
    rule = re.search(r"(\S+ table :is\(th, td\)) \{[^}]*text-align: left", Card("X", "").to_html())
    assert rule is not None
