"""The explain page: an explanation becomes one self-contained HTML file.

The first screen has the answer and the photo; the sections follow. Each of them has four files of one name: a module
of this folder that returns its `Part`, and under `pages/` a template, a style sheet and a browser module.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tellapart import __version__
from tellapart.errors import TellapartError
from tellapart.events import Progress
from tellapart.explanations.explanation import Explanation, Form
from tellapart.explanations.page import (
    answer,
    counterfactuals,
    filters,
    first_screen,
    layers,
    picture,
    training,
    why,
)
from tellapart.explanations.page.as_dict import to_dict
from tellapart.explanations.page.card import card
from tellapart.explanations.page.part import Part
from tellapart.pages.assemble import assemble


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page, in its place."""

    name: str
    title: str
    part: Callable[[Explanation], Part | None]
    """None where there is nothing to show; the reason is then among the explanation's gaps."""

    modules: tuple[str, ...] = ()
    """Browser modules besides the one of the section's name."""

    is_folded: bool = False
    """Whether it stands behind a button below the first screen."""


SECTIONS = (
    Section("why", "All heat maps and how they were tested", why.part, is_folded=True),
    Section("counterfactuals", "What would change its mind", counterfactuals.part),
    Section("training", "Training pictures for and against", training.part),
    Section("picture", "The picture as numbers", picture.part),
    Section(
        "layers",
        "Layer by layer",
        layers.part,
        modules=("numbers.js", "layer_arithmetic.js", "arithmetic.js", "dropout.js"),
    ),
    Section("filters", "What the channels respond to", filters.part),
    Section("answer", "From logits to probabilities", answer.part),
)

QUICK = ("why", "picture", "answer")
"""Sections of a quick explanation's page."""

SHARED = ("theme.js", "charts.js", "scrolling.js", "contents.js", "packing.js", "explain/maps.js")


def page(explanation: Explanation, progress: Progress | None = None) -> str:
    """Return the HTML of all sections.

    Args:
        explanation: of one image.
        progress: called with (sections done, sections in all).
    """
    if not explanation.quick:
        return page_of(explanation, SECTIONS, progress)
    left_out = ", ".join(section.title for section in SECTIONS if section.name not in QUICK)
    explanation.add_gap(f"{left_out}, and five of six heat maps: left out by --quick.")
    return page_of(explanation, [section for section in SECTIONS if section.name in QUICK], progress)


def page_of(explanation: Explanation, sections: Sequence[Section], progress: Progress | None = None) -> str:
    """Return the HTML of the first screen and of some sections.

    The first screen comes last, because it shows one of the heat maps, if the page has them.
    """
    parts: dict[Section, Part] = {}
    for done, section in enumerate(sections, 1):
        part = _part(section, explanation)
        if part is not None:
            parts[section] = part
        if progress is not None:
            progress(done, len(sections))
    names = ["first_screen", *(section.name for section in parts)]
    first = first_screen.part(explanation, has_maps="why" in names)
    modules = ["explain/first_screen.js"] + [
        f"explain/{module}" for section in parts for module in (f"{section.name}.js", *section.modules)
    ]
    return assemble(
        "explain.html",
        {
            "title": explanation.subject.picture,
            "sections": list(parts),
            "gaps": explanation.gaps,
            "usage": explanation.subject.classifier.usage,
            "version": __version__,
            "first_screen": first.values,
            **{section.name: part.values for section, part in parts.items()},
        },
        {"first_screen": first.data, **{section.name: part.data for section, part in parts.items()}},
        styles=["explain/explain.css", *(f"explain/{name}.css" for name in names)],
        modules=[*SHARED, "explain/explain.js", *modules],
        entry="explain",
        mark=explanation.subject.mark,
    )


def _part(section: Section, explanation: Explanation) -> Part | None:
    """Return a section's part; where it fails, note why, so that the other sections are shown."""
    try:
        return section.part(explanation)
    except Exception as reason:
        is_ours = isinstance(reason, TellapartError)
        text = str(reason) if is_ours else f"a bug in tellapart, {type(reason).__name__}: {reason}"
        explanation.add_gap(f"{section.title}: {text}")
        return None


FORM = Form(to_html=page, to_dict=to_dict, to_card=card)
"""How explanations are shown."""
