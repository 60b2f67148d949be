"""Which sentences the guide claims, and which tests prove them."""

import ast
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from tellapart.guide.lessons import Lesson
from tellapart.guide.rendering import page_of

TESTS = Path(__file__).parent

TEXT = {"p", "li", "dd", "dt", "td"}
"""Elements whose text must be claims ..."""

FREE = {"do", "controls", "slider", "verdict", "legend"}
"""... unless they are of these classes: what to do, names of controls, and what the page answers."""

VOID = {"br", "input", "img", "hr", "meta", "link", "wbr"}


@dataclass
class Claim:
    name: str
    text: str


class _Reader(HTMLParser):
    """Collects a page's claims, and text that claims nothing."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.claims, self.loose = [], []

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            return
        told = dict(attributes)
        self.open.append((tag, set((told.get("class") or "").split()), told))
        if "data-claim" in told:
            self.claims.append(Claim(told["data-claim"], ""))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if any("data-claim" in told for *_, told in self.open):
            self.claims[-1].text += data
        elif self._must_be_proved() and data.strip():
            self.loose.append(data.strip())

    def _must_be_proved(self):
        tags = [tag for tag, *_ in self.open]
        if "article" not in tags or {
            "select",
            "button",
            "output",
            "label",
            "script",
            "thead",
            "caption",
        } & set(tags):
            return False
        if any(classes & FREE or "role" in told for _, classes, told in self.open[tags.index("article") :]):
            return False
        return bool(TEXT & set(tags))


def read(lesson: Lesson) -> _Reader:
    """The claims of a lesson's page, and its text outside them."""
    reader = _Reader()
    reader.feed(page_of(lesson))
    for claim in reader.claims:
        claim.text = " ".join(claim.text.split())
    return reader


def file_of(lesson: Lesson) -> Path:
    return TESTS / f"test_lesson_{lesson.name.replace('-', '_')}.py"


def proofs(lesson: Lesson) -> dict[str, list[str]]:
    """Claim -> the tests that say they prove it."""
    found = {}
    for node in ast.walk(ast.parse(file_of(lesson).read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.proves":
                    for name in decorator.args:
                        found.setdefault(ast.literal_eval(name), []).append(node.name)
    return found
