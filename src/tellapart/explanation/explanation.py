"""The explanation of one answer: each part is computed when it is first asked for."""

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier import Classifier
from tellapart.errors import ConfigError
from tellapart.explain.flips import Flip, flips
from tellapart.explain.record import Recorder, Recording
from tellapart.explanation.answer import Answer, answer_of
from tellapart.explanation.heat_maps import HeatMaps, heat_maps_of
from tellapart.explanation.subject import Subject
from tellapart.files import write_text


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network does with one picture, and why it answers so. In a notebook, its page."""

    subject: Subject

    asked: tuple[int, ...] = ()
    """Classes that somebody named: why this one, and not that one."""

    gaps: list[str] = field(default_factory=list)
    """What could not be had, each with its reason, for the reader; grows as parts are asked for."""

    @cached_property
    def answer(self) -> Answer:
        """What it says, how sure it is, and whether it has reason to be."""
        return answer_of(self.subject)

    @property
    def recording(self) -> Recording:
        """Every layer's input and output."""
        return self.subject.recording

    @cached_property
    def heat_maps(self) -> HeatMaps:
        """Why this answer and not another one, by several methods, each with the measure of its truth."""
        return heat_maps_of(self.subject, self.answer.order, self.asked, self.gaps)

    @cached_property
    def flips(self) -> tuple[Flip, ...]:
        """The smallest change of each kind that makes the network answer something else."""
        return tuple(flips(self.subject.answers, self.subject.pixels))

    def to_html(self) -> str:
        """The page, one self-contained HTML file."""
        from tellapart.explanation.page import page

        return page(self)

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Raises:
            SaveError: it could not be written; what was there stays.
        """
        path = Path(path)
        write_text(path, self.to_html())
        return path

    def _repr_html_(self) -> str:
        """The page within a notebook, kept apart from the notebook's own styles and scripts."""
        return (
            f'<iframe srcdoc="{escape(self.to_html())}" title="Explanation of {escape(self.subject.picture)}" '
            'style="width: 100%; height: 48rem; border: 0"></iframe>'
        )


def explain(
    classifier: Classifier,
    recorder: Recorder,
    picture: str,
    original: NDArray[np.uint8],
    classes: tuple[str, ...] = (),
) -> Explanation:
    """The explanation of what a classifier says of one picture.

    Args:
        classifier: any.
        recorder: of its model.
        picture: what it is called.
        original: (height, width, 1 or 3), of any size.
        classes: names to be asked about besides the likeliest: why this one, and not that one.

    Raises:
        ConfigError: no such class.
    """
    image = classifier.card.pixel_path.apply(original)
    subject = Subject(classifier, recorder, picture, original, image)
    return Explanation(subject, tuple(_index_of(name, classifier.class_names) for name in classes))


def _index_of(name: Any, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ConfigError(f"The model has no class {name!r}. It tells apart: {', '.join(names)}.")
    return names.index(name)
