"""The explanation of one answer: each part is computed when it is first asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from tellapart.events import Progress
from tellapart.explanations.answer import Answer, answer_of
from tellapart.explanations.attribution.heat_maps import HeatMaps, heat_maps_of
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.counterfactuals import Flip, flips
from tellapart.explanations.examples.training_examples import BOTH, Training, TrainingPictures
from tellapart.explanations.recorder import Recording
from tellapart.explanations.subject import Subject
from tellapart.files import write_text


class Form(NamedTuple):
    """How an explanation is shown."""

    to_html: Callable[["Explanation", Progress | None], str]
    """A page, one self-contained HTML file."""

    to_dict: Callable[["Explanation"], dict[str, Any]]
    """Plain values, for JSON."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network does with one picture, and why it answers so. In a notebook, its page."""

    subject: Subject

    form: "Form"
    """How it is shown; handed in, because a page knows explanations and not the other way round."""

    filters: ModelFilters
    """What the network's channels look for; explanations of several pictures share it."""

    training: Training | None = None
    """The pictures that the network was trained on, likewise; None: only the network is there."""

    asked: tuple[int, ...] = ()
    """Classes that somebody named: why this one, and not that one."""

    looking: Progress | None = None
    """Called with (training pictures looked at, in all), where that takes a while."""

    gaps: list[str] = field(default_factory=list)
    """What could not be had, each with its reason, for the reader; grows as parts are asked for."""

    @cached_property
    def answer(self) -> Answer:
        """What it says, how sure it is, and whether it has reason to be."""
        return answer_of(self.subject)

    @cached_property
    def training_pictures(self) -> TrainingPictures | None:
        """Which training pictures are like this one, and which spoke for and against; None where none are there."""
        if self.training is None:
            self.gaps.append(f"{BOTH}: the network came without its run folder.")
            return None
        found, gaps = self.training.of(self.subject, self.looking)
        self.gaps.extend(gaps)
        return found

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

    def lacks(self, what: str) -> None:
        """Note among the gaps, once, what could not be had and why."""
        if what not in self.gaps:
            self.gaps.append(what)

    def to_dict(self) -> dict[str, Any]:
        """Return what the page says in words and numbers, as plain values."""
        return self.form.to_dict(self)

    def to_html(self, progress: Progress | None = None) -> str:
        """The page, one self-contained HTML file.

        Args:
            progress: called with (sections done, sections in all).
        """
        return self.form.to_html(self, progress)

    def save(self, path: str | Path, progress: Progress | None = None) -> Path:
        """Write the page.

        Args:
            path: of the file; an earlier one is replaced.
            progress: called with (sections done, sections in all).

        Raises:
            SaveError: it could not be written; what was there stays.
        """
        path = Path(path)
        write_text(path, self.to_html(progress))
        return path

    def _repr_html_(self) -> str:
        """The page within a notebook, kept apart from the notebook's own styles and scripts."""
        return (
            f'<iframe srcdoc="{escape(self.to_html())}" title="Explanation of {escape(self.subject.picture)}" '
            'style="width: 100%; height: 48rem; border: 0"></iframe>'
        )
