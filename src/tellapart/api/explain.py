"""Explaining: pictures that somebody points at become explanations, and pages beside each other."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.classifier.classifier import Classifier, Progress
from tellapart.data.decode import picture_of
from tellapart.data.store import UnreadableImage
from tellapart.errors import ConfigError, PictureError, SaveError
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.examples.training_examples import Training
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.pages.assemble import is_marked
from tellapart.runs.saved_run import SavedRun, load_run


@dataclass(frozen=True, slots=True)
class Page:
    """One picture's page."""

    path: Path
    told: Mapping[str, Any]
    """What it says, as `Explanation.to_dict` gives it."""


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
    def run(self) -> SavedRun | None:
        """Of the training.

        Raises:
            ConfigError: it made another network.
        """
        if self._folder is None:
            return None
        found = load_run(self._folder)
        if found.classifier is not None and not _same_weights(found.classifier, self.classifier):
            raise ConfigError(
                f"{self._folder} is the run of another network than the one that is asked. Load the network from "
                "that run, or leave the run away."
            )
        return found

    @cached_property
    def _filters(self) -> ModelFilters:
        """Of the network, for all pictures."""
        train = None if self.run is None else self.run.stores.get("train")
        return ModelFilters(self.recorder, self.classifier.card.preprocessing.shape, train)

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
        named = (classes,) if isinstance(classes, str) else classes
        asked = tuple(_index_of(name, self.classifier.class_names) for name in named)
        name, original = picture_of(picture)
        image = self.classifier.card.preprocessing.apply(original)
        subject = Subject(self.classifier, self.recorder, name, original, image)
        return Explanation(subject, self._filters, self._training, asked, self._looking)


def write_pages(
    explainer: Explainer,
    pictures: Sequence[Path],
    folder: Path,
    classes: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[list[Page], list[UnreadableImage]]:
    """A page for each picture, named after it.

    Args:
        explainer: of the network.
        pictures: files.
        folder: is made where it is not there. An earlier page of the same picture and network is written anew, any
            other file stays.
        classes: as in `Explainer.explain`.
        progress: called with (sections done, sections of all pages).

    Returns:
        The pages, and the pictures that could not be read.

    Raises:
        ConfigError: no such class; or `folder` is a file.
        SaveError: a page could not be written; what was there stays.
    """
    _make_ready(folder)
    pages: list[Page] = []
    unreadable: list[UnreadableImage] = []
    taken: set[Path] = set()
    for index, picture in enumerate(pictures):
        try:
            explanation = explainer.explain(picture, classes)
        except PictureError as reason:
            unreadable.append(UnreadableImage(str(picture), str(reason)))
            continue
        path = _new_place(folder, picture.stem, explanation.subject.mark, taken)
        explanation.save(path, _of_all(progress, index, len(pictures)))
        pages.append(Page(path, explanation.to_dict()))  # the arrays may go
    return pages, unreadable


def _of_all(progress: Progress | None, index: int, pictures: int) -> Progress | None:
    """Tells of one picture's sections as of those of all pictures."""
    if progress is None:
        return None
    return lambda done, sections: progress(index * sections + done, pictures * sections)


def _make_ready(folder: Path) -> None:
    """Before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file. Pages are written into a folder: --out FOLDER.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as reason:
        raise SaveError(
            f"Pages cannot be written into {folder}: {reason.strerror}. Choose another --out FOLDER."
        ) from reason


def _new_place(folder: Path, stem: str, mark: str, taken: set[Path]) -> Path:
    """`cat.html`; `cat-2.html` where that tells of another picture or network, or is somebody's own."""
    path, count = folder / f"{stem}.html", 1
    while path in taken or (path.exists() and not is_marked(path, mark)):
        count += 1
        path = folder / f"{stem}-{count}.html"
    taken.add(path)
    return path


def _same_weights(first: Classifier, second: Classifier) -> bool:
    if first is second:
        return True
    pairs = first.model.get_weights(), second.model.get_weights()
    if [one.shape for one in pairs[0]] != [one.shape for one in pairs[1]]:
        return False
    return all(np.array_equal(a, b) for a, b in zip(*pairs, strict=True))


def _index_of(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ConfigError(f"The model has no class {name!r}. It tells apart: {', '.join(names)}.")
    return names.index(name)
