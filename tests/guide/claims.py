"""The claims of the guide's pages, and the tests that prove them."""

import ast
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from tellapart.guide.contents import Lesson
from tellapart.guide.render import index_page, page_of

TESTS = Path(__file__).parent
BROWSER = TESTS.parent / "browser"

TEXT = {"p", "li", "dd", "dt", "td"}
"""Elements whose text must be claims ..."""

FREE = {"do", "controls", "slider", "verdict", "legend", "kicker", "lessons"}
"""... except in these classes: instructions, names of controls and of pages, and the page's replies."""

VOID = {"br", "input", "img", "hr", "meta", "link", "wbr"}


@dataclass
class Claim:
    name: str
    text: str


class _Reader(HTMLParser):
    """Collects a page's claims, and its text outside of claims."""

    def __init__(self, within: str):
        super().__init__()
        self.within = within
        self.open = []
        self.claims, self.loose = [], []

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            return
        values = dict(attributes)
        self.open.append((tag, set((values.get("class") or "").split()), values))
        if "data-claim" in values:
            self.claims.append(Claim(values["data-claim"], ""))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if any("data-claim" in values for *_, values in self.open):
            self.claims[-1].text += data
        elif self._must_be_proved() and data.strip():
            self.loose.append(data.strip())

    def _must_be_proved(self):
        tags = [tag for tag, *_ in self.open]
        if self.within not in tags or {
            "select",
            "button",
            "output",
            "label",
            "script",
            "thead",
            "caption",
        } & set(tags):
            return False
        if any(
            classes & FREE or "role" in values for _, classes, values in self.open[tags.index(self.within) :]
        ):
            return False
        return bool(TEXT & set(tags))


def read(lesson: Lesson) -> _Reader:
    """Read the claims of a lesson's page and its text outside of claims, with those of the served page."""
    reader, live = (_read(page_of(lesson, live=live)) for live in (False, True))
    names = {claim.name for claim in reader.claims}
    reader.claims += [claim for claim in live.claims if claim.name not in names]
    reader.loose += [text for text in live.loose if text not in reader.loose]
    return reader


def read_index() -> _Reader:
    """Read the first page."""
    return _read(index_page(), within="body")


def _read(page: str, within: str = "article") -> _Reader:
    reader = _Reader(within)
    reader.feed(page)
    for claim in reader.claims:
        claim.text = " ".join(claim.text.split())
    return reader


def file_of(lesson: Lesson) -> Path:
    return TESTS / f"test_lesson_{lesson.name.replace('-', '_')}.py"


INDEX_FILE = TESTS / "test_lesson_index.py"


def proofs(lesson: Lesson) -> dict[str, list[str]]:
    """Return claim -> its tests, in the lesson's test file and in the browser's."""
    in_browser = BROWSER / f"test_guide_{lesson.name.replace('-', '_')}.py"
    return proofs_in(file_of(lesson), in_browser)


def proofs_in(*files: Path) -> dict[str, list[str]]:
    """Return claim -> its tests in these files."""
    tests = {}
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
                    for name in decorator.args:
                        tests.setdefault(ast.literal_eval(name), []).append(node.name)
    return tests
