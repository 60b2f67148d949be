"""Page: an explanation becomes one self-contained HTML file.

Each section is a module of this room with a function from the explanation to its part of the page, a template
and a module for the browser, all of one name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tellapart import __version__
from tellapart.errors import TellapartError
from tellapart.events import Progress
from tellapart.explanations.explanation import Explanation, Form
from tellapart.explanations.page import answer, filters, flips, layers, picture, training, why
from tellapart.explanations.page.as_dict import to_dict
from tellapart.explanations.page.part import Part
from tellapart.pages.assemble import assemble
from tellapart.text import printable


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page, in its place."""

    name: str
    title: str
    part: Callable[[Explanation], Part | None]
    """None where there is nothing to show; why not is then among the explanation's gaps."""

    modules: tuple[str, ...] = ()
    """For the browser, besides the one of the section's name."""


SECTIONS = (
    Section("why", "Why this answer", why.part),
    Section("flips", "What would change its mind", flips.part),
    Section("training", "Training pictures for and against", training.part),
    Section("answer", "What it says, in numbers", answer.part),
    Section("picture", "The picture as numbers", picture.part),
    Section(
        "layers", "Layer by layer", layers.part, ("numbers.js", "layer_arithmetic.js", "arithmetic.js", "dropped.js")
    ),
    Section("filters", "What its channels look for", filters.part),
)

SHARED = ("theme.js", "charts.js", "scrolling.js", "contents.js", "packing.js", "explain/maps.js")


def page(explanation: Explanation, progress: Progress | None = None) -> str:
    """The HTML.

    Args:
        explanation: of one picture.
        progress: called with (sections done, sections in all).
    """
    return page_of(explanation, SECTIONS, progress)


def page_of(explanation: Explanation, sections: Sequence[Section], progress: Progress | None = None) -> str:
    """The HTML of some sections alone; the answer must be among them."""
    found = []
    for done, section in enumerate(sections, 1):
        part = _part(section, explanation)
        if part is not None:
            found.append((section, part))
        if progress is not None:
            progress(done, len(sections))
    values: dict[str, Any] = {
        "title": printable(explanation.subject.picture),
        "sections": [one for one, _ in found],
        "gaps": explanation.gaps,
        "version": __version__,
        **{one.name: part.values for one, part in found},
    }
    data: Mapping[str, Any] = {one.name: part.data for one, part in found}
    names = [one.name for one, _ in found]
    modules = [f"explain/{module}" for one, _ in found for module in (f"{one.name}.js", *one.modules)]
    return assemble(
        "explain.html",
        values,
        data,
        styles=["explain/explain.css", *(f"explain/{name}.css" for name in names)],
        modules=[*SHARED, "explain/explain.js", *modules],
        entry="explain",
        mark=explanation.subject.mark,
    )


def _part(section: Section, explanation: Explanation) -> Part | None:
    """A section's part; where it cannot be had, that is noted, and the others are shown."""
    try:
        return section.part(explanation)
    except Exception as reason:
        if section.name == "answer":
            raise  # without an answer there is nothing to explain
        is_ours = isinstance(reason, TellapartError)
        explanation.lacks(
            f"{section.title}: {reason if is_ours else f'a bug, {type(reason).__name__}: {reason}'}"
        )
        return None


FORM = Form(to_html=page, to_dict=to_dict)
"""What `Explanation` is handed."""
