"""`explain`: what a network does with one image, and why it predicts what it predicts."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from tellapart.api.given import one_picture
from tellapart.api.listener import Listener
from tellapart.api.load import load, model_or_built_in, run_folder_of
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import SaidOptions
from tellapart.data.store import UnreadableImage
from tellapart.errors import ConfigError, PictureError, SaveError
from tellapart.events import Progress
from tellapart.explanations.explainer import Explainer
from tellapart.explanations.explanation import Explanation
from tellapart.pages.assemble import is_marked
from tellapart.pages.card import Readable
from tellapart.runtime.allocator import keep_freed_memory
from tellapart.runtime.workers import only_workers_share
from tellapart.text import shortened


@dataclass(frozen=True, slots=True)
class Page(Readable):
    """One image's page."""

    path: Path
    values: Mapping[str, Any]
    """What it says, as `Explanation.to_dict` gives it."""


def explain(
    model: Classifier | str | Path | Any,
    picture: Any = None,
    *,
    classes: Sequence[str] = (),
    quick: bool = False,
    run: str | Path | None = None,
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> Explanation:
    """Explain one prediction: `explain(model, picture)`, or `explain(picture)` by the built-in ImageNet model.

    Args:
        model: as for `predict`.
        picture: a file's path, a uint8 array (H, W), (H, W, 1) or (H, W, 3) of any size, a PIL image, or the bytes of
            an image file.
        classes: names of further classes to compare with the predicted one (why this one, and not that one), such as
            ["dog", "fox"]. Not with `quick`.
        quick: whether to give the prediction and one heat map alone, within seconds.
        run: the folder of the training that made the model, so that training images can be shown too.
            Default: `model`, where that is a run folder.
        listener: hears of training images looked at.
        said: of a model that tellapart did not save, as for `load`.

    Returns:
        Arrays of every part, each computed when it is first asked for. A notebook shows the prediction with one heat
        map; `show()` shows the whole page there, and `save(path)` writes it.

    Raises:
        ConfigError: there is no such class or run folder; `quick` and classes to compare; or a model and no picture.
        ModelError: not a model.
        DataError: this is no picture, a folder, a list, or a web address.
        PictureError: the file is not a picture.
    """
    model, picture = model_or_built_in(model, picture)
    picture = one_picture(picture)
    run = run_folder_of(model) if run is None else run
    looking = None if listener is None else listener.looking
    return Explainer(load(model, **said), run, looking).explain(picture, classes, quick)


def explain_to_pages(
    model: Classifier | str | Path,
    pictures: Sequence[str | Path],
    out: str | Path,
    classes: Sequence[str] = (),
    listener: Listener | None = None,
    quick: bool = False,
    run: str | Path | None = None,
) -> tuple[list[Page], list[UnreadableImage]]:
    """Do what the command does: write a page for each picture.

    Args:
        model: a run folder, whose training images are then shown too, a model file, a built-in model's name, or a
            classifier.
        pictures: files.
        out: the folder for the pages; made where it is missing.
        classes: as in `explain`.
        listener: hears of training images looked at, and of sections made.
        quick: as in `explain`.
        run: as in `explain`.

    Returns:
        The pages, and the pictures that could not be read.

    Raises:
        ConfigError: there is no such class, or `out` is a file.
        ModelError: not a model.
        SaveError: a page could not be written; what was there stays.
    """
    listener = listener or Listener()
    run = run_folder_of(model) if run is None else run
    explainer = Explainer(load(model), run, listener.looking)
    files = [Path(path) for path in pictures]
    return write_pages(explainer, files, Path(out), classes, listener.explaining, quick)


@keep_freed_memory()
@only_workers_share()
def write_pages(
    explainer: Explainer,
    pictures: Sequence[Path],
    folder: Path,
    classes: Sequence[str] = (),
    progress: Progress | None = None,
    quick: bool = False,
) -> tuple[list[Page], list[UnreadableImage]]:
    """Write a page for each picture, named after it.

    Args:
        explainer: of the network.
        pictures: files.
        folder: is made where it is not there. An earlier page of the same picture and network is written anew, any
            other file stays.
        classes: as in `Explainer.explain`.
        progress: called with (sections done, sections of all pages).
        quick: as in `explain`.

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
            explanation = explainer.explain(picture, classes, quick)
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
            f"Pages cannot be written into {folder}: {reason.strerror or reason}. Choose another --out FOLDER."
        ) from reason


def _new_place(folder: Path, stem: str, mark: str, taken: set[Path]) -> Path:
    """`cat.html`; `cat-2.html` where that tells of another picture or network, or is somebody's own."""
    stem = shortened(stem)
    path, count = folder / f"{stem}.html", 1
    while path in taken or (path.exists() and not is_marked(path, mark)):
        count += 1
        path = folder / f"{stem}-{count}.html"
    taken.add(path)
    return path
