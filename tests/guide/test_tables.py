"""The tables that are made of the guide's lessons are up to date."""

import importlib.util
import re
from pathlib import Path

from tellapart.guide.contents import LESSONS
from tellapart.guide.lessons.put_right import CARDS

ROOT = Path(__file__).parents[2]


def script():
    spec = importlib.util.spec_from_file_location("guide_tables", ROOT / "scripts" / "guide_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_mistakes_is_up_to_date():
    tables = script()
    assert tables.MISTAKES.read_text(encoding="utf-8") == tables.mistakes(), (
        "Run python scripts/guide_tables.py."
    )


def test_the_table_of_sentences_is_up_to_date():
    tables = script()
    assert tables.CLAIMS.read_text(encoding="utf-8") == tables.claims(), "Run python scripts/guide_tables.py."


def test_every_concept_has_a_page_and_a_test_of_what_moves():
    for lesson in LESSONS:
        assert (ROOT / "tests" / "browser" / f"test_guide_{lesson.name.replace('-', '_')}.py").is_file()


def test_every_mistake_has_its_row_and_its_test():
    text = (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| (text|program|outdated) \|", line)]
    assert len(rows) == len(CARDS)
    tests = (ROOT / "tests" / "guide" / "test_lesson_put_right.py").read_text(encoding="utf-8")
    for row in rows:
        proved = re.findall(r"`(test_\w+)`", row)
        assert proved
        assert all(f"def {name}(" in tests for name in proved)
