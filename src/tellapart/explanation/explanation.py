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
from tellapart.explain.record import Recorder, Recording
from tellapart.explanation.answer import Answer, answer_of
from tellapart.explanation.model_filters import ModelFilters
from tellapart.explanation.subject import Subject
from tellapart.explanation.training_pictures import TrainingPictures, training_pictures
from tellapart.files import write_text
from tellapart.report.ingredients import Ingredients


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network does with one picture, and why it answers so. In a notebook, its page."""

    subject: Subject

    asked: tuple[int, ...] = ()
    """Classes that somebody named: why this one, and not that one."""

    run: Ingredients | None = None
    """Of the training that made the network; None: only the network is there."""

    model_filters: ModelFilters | None = None
    """Of the network, where explanations of several pictures share it; None: made when it is asked for."""

    gaps: list[str] = field(default_factory=list)
    """What could not be had, each with its reason, for the reader; grows as parts are asked for."""

    @cached_property
    def answer(self) -> Answer:
        """What it says, how sure it is, and whether it has reason to be."""
        return answer_of(self.subject)

    @cached_property
    def filters(self) -> ModelFilters:
        """What its channels look for."""
        if self.model_filters is not None:
            return self.model_filters
        train = None if self.run is None else self.run.stores.get("train")
        return ModelFilters(self.subject.recorder, self.subject.card.pixel_path.shape, train)

    @cached_property
    def training_pictures(self) -> TrainingPictures | None:
        """Which training pictures are like this one, and which spoke for and against; None where none are there."""
        if self.run is None:
            self.gaps.append(
                "Training pictures like this one, and those that speak for and against: the network came without "
                "its run folder."
            )
            return None
        found, gaps = training_pictures(self.run, self.subject)
        self.gaps.extend(gaps)
        return found

    @property
    def recording(self) -> Recording:
        """Every layer's input and output."""
        return self.subject.recording

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
    run: Ingredients | None = None,
) -> Explanation:
    """The explanation of what a classifier says of one picture.

    Args:
        classifier: any.
        recorder: of its model.
        picture: what it is called.
        original: (height, width, 1 or 3), of any size.
        classes: names to be asked about besides the likeliest: why this one, and not that one.
        run: of the training that made it, where its folder is there.

    Raises:
        ConfigError: no such class.
    """
    image = classifier.card.pixel_path.apply(original)
    subject = Subject(classifier, recorder, picture, original, image)
    asked = tuple(_index_of(name, classifier.class_names) for name in classes)
    return Explanation(subject, asked, run)


def _index_of(name: Any, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ConfigError(f"The model has no class {name!r}. It tells apart: {', '.join(names)}.")
    return names.index(name)
