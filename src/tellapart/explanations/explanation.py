"""The explanation of one prediction: each part is computed when it is first needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from tellapart.errors import ConfigError
from tellapart.events import Progress
from tellapart.explanations.answer import Answer, answer_of
from tellapart.explanations.attribution.heat_maps import HeatMaps, heat_maps_of
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.counterfactuals import Counterfactual, counterfactuals, steps_for
from tellapart.explanations.examples.training_examples import BOTH, ExampleSearch, TrainingExamples
from tellapart.explanations.recorder import Recording
from tellapart.explanations.subject import Subject
from tellapart.files import write_text
from tellapart.pages.card import Card, Readable
from tellapart.pages.notebook import in_notebook
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.workers import only_workers_share
from tellapart.text import percent, short_name


class Form(NamedTuple):
    """How an explanation is shown."""

    to_html: Callable[["Explanation", Progress | None], str]
    """An explanation -> one self-contained HTML file."""

    to_dict: Callable[["Explanation"], dict[str, Any]]
    """An explanation -> plain values, for JSON."""

    to_card: Callable[["Explanation"], Card]
    """An explanation -> what a notebook shows of it."""


@dataclass(frozen=True, eq=False)
class Explanation(Readable):
    """Why a network predicts what it predicts for one image. A notebook shows the prediction with one heat map."""

    subject: Subject

    form: Form
    """How it is shown; handed in, because a page knows explanations and not the other way round."""

    filters: ModelFilters
    """What the network's channels respond to; shared by the explanations of several images."""

    training: ExampleSearch | None = None
    """Finds training images for and against; shared likewise. None: there is no run folder."""

    named: tuple[int, ...] = ()
    """Class indices that the user named, to compare besides the likeliest."""

    quick: bool = False
    """Whether it has the prediction and one heat map alone."""

    scan_progress: Progress | None = None
    """Called with (training images done, in all) while these are run through the network."""

    gaps: list[str] = field(default_factory=list)
    """What could not be shown, each with its reason; grows as parts are computed."""

    @cached_property
    def answer(self) -> Answer:
        """The prediction, its confidence, and whether the image is familiar."""
        return answer_of(self.subject)

    @cached_property
    def training_examples(self) -> TrainingExamples | None:
        """Similar training images, and those for and against the prediction; None where there are none."""
        if self.training is None:
            self.gaps.append(
                f"{BOTH}: not available. A built-in model, or a model file without its run folder, comes without "
                "its training pictures."
            )
            return None
        examples, gaps = self.training.of(self.subject, self.scan_progress)
        self.gaps.extend(gaps)
        return examples

    @property
    def recording(self) -> Recording:
        """Every layer's inputs and outputs."""
        return self.subject.recording

    @cached_property
    def heat_maps(self) -> HeatMaps:
        """Why this class and not another one, by several methods, each with its measured faithfulness."""
        named = (*self.answer.given, *self.named)
        return heat_maps_of(self.subject, self.answer.order, named, self.gaps, self.quick)

    @property
    def first_maps(self) -> HeatMaps:
        """Heat maps that are there within seconds: `heat_maps` where they were computed, else one map."""
        return self.heat_maps if self.quick or "heat_maps" in vars(self) else self._one_map

    @cached_property
    def _one_map(self) -> HeatMaps:
        return heat_maps_of(self.subject, self.answer.order, (), [], quick=True)

    @cached_property
    def counterfactuals(self) -> tuple[Counterfactual, ...]:
        """The smallest change of each kind that changes the prediction.

        Raises:
            ConfigError: a picture may have several labels, so that there is no other class to change to.
        """
        if self.subject.card.multi_label:
            raise ConfigError("not searched for where a picture may have several labels.")
        return tuple(counterfactuals(self.subject.predict, self.subject.pixels, steps_for(self.subject.cost)))

    def add_gap(self, gap: str) -> None:
        """Note, once, what could not be shown and why."""
        if gap not in self.gaps:
            self.gaps.append(gap)

    def to_dict(self) -> dict[str, Any]:
        """Return what the page says in words and numbers, as plain values; and how a model without a card was used."""
        usage = self.subject.classifier.usage
        return {**self.form.to_dict(self), **({} if usage is None else {"usage": usage.to_dict()})}

    def to_html(self, progress: Progress | None = None) -> str:
        """Return the page, one self-contained HTML file.

        Args:
            progress: called with (sections done, sections in all).
        """
        with keep_freed_memory(), only_workers_share():
            return self.form.to_html(self, progress)

    def save(self, path: str | Path, progress: Progress | None = None) -> Path:
        """Write the page.

        Args:
            path: of the file; an earlier one is replaced.
            progress: called with (sections done, sections in all).

        Raises:
            SaveError: it could not be written; an earlier file stays.
        """
        path = Path(path)
        write_text(path, self.to_html(progress))
        return path

    def frame(self) -> str:
        """Return the whole page as an HTML frame, kept apart from the styles and scripts of what is around it."""
        return (
            f'<iframe srcdoc="{escape(self.to_html())}" title="Explanation of {escape(self.subject.picture)}" '
            'style="width: 100%; height: 48rem; border: 0"></iframe>'
        )

    def show(self) -> None:
        """Show the whole page in a notebook, which keeps it: a megabyte or two.

        Raises:
            ConfigError: this is no notebook.
        """
        if not in_notebook():
            raise ConfigError(
                "Only a notebook can show a page. Here, write it and open it in a browser: "
                "explanation.save('explanation.html')"
            )
        from IPython.display import HTML, display

        display(HTML(self.frame()))

    def _parts(self) -> list[str]:
        answer, names = self.answer, self.subject.class_names
        best = [
            f"{short_name(names[index])} {percent(answer.tta_probabilities[index])}"
            for index in answer.order[:2]
        ]
        doubt = ["unlike the training pictures"] if answer.is_unfamiliar else []
        return [*best[:1], *doubt, *best[1:], short_name(self.subject.picture)]

    def _card(self) -> Card:
        return self.form.to_card(self)
