"""Explaining: pictures that somebody points at become explanations, and pages beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tellapart.classifier import Classifier, Progress
from tellapart.data.one_picture import picture_of
from tellapart.data.source import open_source
from tellapart.data.store import Refused
from tellapart.errors import ConfigError, PictureError
from tellapart.explain.record import Recorder
from tellapart.explanation.explanation import Explanation
from tellapart.explanation.model_filters import ModelFilters
from tellapart.explanation.subject import Subject
from tellapart.explanation.training_pictures import Training
from tellapart.report.ingredients import Ingredients, gather


@dataclass(frozen=True, slots=True)
class Page:
    """One picture's page."""

    path: Path
    explanation: Explanation


class Explainer:
    """Explains one network's answers."""

    def __init__(
        self, classifier: Classifier, run: str | Path | None = None, looking: Progress | None = None
    ) -> None:
        """An explainer.

        Args:
            classifier: whose answers.
            run: the folder of the training that made it, for what only its pictures and checkpoints can tell.
            looking: called with (training pictures looked at, in all), where that takes a while.

        Raises:
            ConfigError: this is no run folder.
        """
        self.classifier = classifier
        self._looking = looking
        self._folder = run

    @cached_property
    def recorder(self) -> Recorder:
        """Of the network."""
        return Recorder(self.classifier.model, self.classifier.net.head)

    @cached_property
    def run(self) -> Ingredients | None:
        """Of the training."""
        return None if self._folder is None else gather(self._folder, _opened)

    @cached_property
    def _filters(self) -> ModelFilters:
        """Of the network, for all pictures."""
        train = None if self.run is None else self.run.stores.get("train")
        return ModelFilters(self.recorder, self.classifier.card.pixel_path.shape, train)

    @cached_property
    def _training(self) -> Training | None:
        """Of the run, likewise."""
        return None if self.run is None else Training(self.run, self.classifier)

    def explain(self, picture: Any, classes: Sequence[str] = ()) -> Explanation:
        """Of one picture.

        Args:
            picture: a file's path, or a uint8 array (H, W), (H, W, 1) or (H, W, 3) of any size.
            classes: to be asked about besides the likeliest: why this one, and not that one.

        Raises:
            ConfigError: no such class.
            PictureError: the file is not a picture.
        """
        asked = tuple(_index_of(name, self.classifier.class_names) for name in classes)
        name, original = picture_of(picture)
        image = self.classifier.card.pixel_path.apply(original)
        subject = Subject(self.classifier, self.recorder, name, original, image)
        return Explanation(subject, asked, self.run, self._filters, self._training, self._looking)


def write_pages(
    explainer: Explainer,
    pictures: Sequence[Path],
    folder: Path,
    classes: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[list[Page], list[Refused]]:
    """A page for each picture, named after it.

    Args:
        explainer: of the network.
        pictures: files.
        folder: is made where it is not there; pages of the same name are written anew.
        classes: as in `Explainer.explain`.
        progress: called with (sections done, sections of all pages).

    Returns:
        The pages, and the pictures that could not be read.

    Raises:
        ConfigError: no such class; or `folder` is a file.
        SaveError: a page could not be written; what was there stays.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file. Pages are written into a folder: --out FOLDER.")
    pages: list[Page] = []
    refused: list[Refused] = []
    taken: set[str] = set()
    for index, picture in enumerate(pictures):
        try:
            explanation = explainer.explain(picture, classes)
        except PictureError as reason:
            refused.append(Refused(str(picture), str(reason)))
            continue
        path = folder / _new_name(picture.stem, taken)
        pages.append(Page(explanation.save(path, _of_all(progress, index, len(pictures))), explanation))
    return pages, refused


def _of_all(progress: Progress | None, index: int, pictures: int) -> Progress | None:
    """Tells of one picture's sections as of those of all pictures."""
    if progress is None:
        return None
    return lambda done, sections: progress(index * sections + done, pictures * sections)


def _new_name(stem: str, taken: set[str]) -> str:
    """`cat.html`; for a second picture of that name `cat-2.html`."""
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}-{count}"
    taken.add(name)
    return f"{name}.html"


def _index_of(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ConfigError(f"The model has no class {name!r}. It tells apart: {', '.join(names)}.")
    return names.index(name)


def _opened(what: Any, labels: Any) -> Any:
    return open_source(what, labels=labels, download=False)
