"""The API reference is what the docstrings say, and names everything that is public."""

import importlib.util
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

import tellapart

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("api_reference", ROOT / "scripts" / "api_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(reference):
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), (
        "Run python scripts/api_reference.py."
    )


def test_every_public_name_is_in_it(reference):
    named = {name for names in reference.GROUPS.values() for name in names}
    assert named == set(tellapart.__all__) - {"__version__"}


def test_its_links_lead_somewhere(reference):
    text, seen, anchors = reference.page(), Counter(), set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")  # as GitHub makes them
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    linked = re.findall(r"\]\(#([\w-]+)\)", text)
    assert set(linked) <= anchors
    assert len(linked) == len(set(linked))


def public_functions():
    return sorted(name for name in tellapart.__all__ if inspect.isfunction(getattr(tellapart, name)))


@pytest.mark.parametrize("name", public_functions())
def test_every_argument_is_explained(name):
    function = getattr(tellapart, name)
    words = inspect.getdoc(function)
    (_, _, arguments) = words.partition("\nArgs:\n")
    for parameter in inspect.signature(function).parameters.values():
        assert re.search(rf"^    \**{parameter.name}: ", arguments, re.MULTILINE), parameter.name
    assert words.splitlines()[0].endswith((".", "`", ":"))
