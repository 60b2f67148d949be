"""The guide as files: what lies in docs/guide is what tellapart writes today."""

import re
from pathlib import Path

import pytest

from tellapart.errors import SaveError
from tellapart.guide.contents import LESSONS
from tellapart.guide.render import index_page, page_of, write_guide

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
STALE = "Run: tellapart learn --write docs/guide"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_page_is_up_to_date(lesson):
    assert (GUIDE / f"{lesson.name}.html").read_text(encoding="utf-8") == page_of(lesson), STALE


def test_the_first_page_leads_to_all_others():
    text = index_page()
    assert (GUIDE / "index.html").read_text(encoding="utf-8") == text, STALE
    assert re.findall(r'<li><a href="([^"]+)"', text) == [f"{lesson.name}.html" for lesson in LESSONS]


def test_nothing_else_lies_there():
    names = {path.name for path in GUIDE.iterdir()}
    assert names == {"index.html", "vendor", *(f"{lesson.name}.html" for lesson in LESSONS)}


def test_every_link_of_a_page_leads_somewhere(tmp_path):
    write_guide(tmp_path)
    for page in tmp_path.glob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#:]+)"', page.read_text(encoding="utf-8")):
            assert (tmp_path / link).is_file(), (page.name, link)


def test_what_is_in_the_way_is_said(tmp_path):
    (tmp_path / "vendor").write_text("somebody's own")
    with pytest.raises(SaveError, match="Cannot write the guide to"):
        write_guide(tmp_path)
    assert (tmp_path / "vendor").read_text() == "somebody's own"
