"""`predict`: classes and probabilities of images.

Files are read and predicted a few hundred at a time; only the predictions of all are kept, about 40 kB each for a
thousand classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from tellapart.api.listener import Listener
from tellapart.api.load import load, model_or_built_in
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import SaidOptions
from tellapart.classifier.plain.usage import Usage
from tellapart.classifier.prediction import Prediction
from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.data.sources.walk import walk
from tellapart.data.store import UnreadableImage
from tellapart.errors import DataError
from tellapart.files import unreadable_is_bad_data
from tellapart.text import csv_line, natural_key

FILES_AT_ONCE = 500
"""Images in memory."""

GROUP_FIELDS = ("group", "group_probability", "group_class")
"""In JSON and CSV: the likeliest everyday thing (dog), its probability, and the likeliest class of it (Labrador
retriever); null and empty where a class that is a kind of no such thing is likelier (`classifier.groups`)."""

NOVELTY_FIELDS = ("familiar", "novelty", "novelty_limit")
"""In JSON and CSV: whether the picture is like the training pictures (true or false), how unlike them it is, by the
score that the model card names, and above which score it is not; null or empty where the model cannot tell."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a classifier predicts for many images."""

    class_names: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    unreadable: tuple[UnreadableImage, ...]
    """Images that could not be read."""

    has_groups: bool = False
    """Whether the model's classes are kinds of everyday things, so that each prediction may have a group."""

    novelty_limit: float | None = None
    """Novelty score above which a picture counts as unfamiliar; None: the model has no limit."""

    usage: Usage | None = None
    """How a model without a model card was used; None: it has a card."""

    thresholds: Mapping[str, float] | None = None
    """Of a model of several labels a picture: label -> the probability from which a picture is given it."""

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    def __getitem__(self, index: int) -> Prediction:
        return self.predictions[index]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "predictions": [self._prediction(prediction) for prediction in self.predictions],
            "unreadable": [{"picture": image.id, "reason": image.reason} for image in self.unreadable],
            **({} if self.usage is None else {"usage": self.usage.to_dict()}),
            **({} if self.thresholds is None else {"thresholds": dict(self.thresholds)}),
        }

    def _prediction(self, prediction: Prediction) -> dict[str, Any]:
        return {
            "picture": prediction.picture,
            "predicted": prediction.names[0] if prediction.labels is None else list(prediction.labels),
            **(self._group(prediction) if self.has_groups else {}),
            **self._novelty(prediction),
            "probabilities": dict(zip(prediction.names, prediction.probabilities, strict=True)),
            **({"note": prediction.note} if prediction.note else {}),
        }

    def _group(self, prediction: Prediction) -> dict[str, Any]:
        group = prediction.group
        values = (None,) * 3 if group is None else (group.name, group.probability, group.class_name)
        return dict(zip(GROUP_FIELDS, values, strict=True))

    def _novelty(self, prediction: Prediction) -> dict[str, Any]:
        values = prediction.familiar, prediction.novelty, self.novelty_limit
        return dict(zip(NOVELTY_FIELDS, values, strict=True))

    def exit_code(self, named: set[str]) -> int:
        """Return that of bad data where a file named by itself could not be read, or none could; otherwise 0."""
        lacks_named = any(image.id in named for image in self.unreadable)
        return DataError.exit_code if lacks_named or not self.predictions else 0

    def to_csv(self) -> str:
        """Return a line for each image: its path, the likeliest class (or its labels, divided by |), and each named
        class's probability.

        NOVELTY_FIELDS stand before the probabilities, and for a model with groups GROUP_FIELDS before these. A name
        that a spreadsheet would run as a formula begins with an apostrophe.
        """
        group_fields = GROUP_FIELDS if self.has_groups else ()
        rows = [("picture", "predicted", *group_fields, *NOVELTY_FIELDS, *self.class_names)]
        for prediction in self.predictions:
            by_class = dict(zip(prediction.names, prediction.probabilities, strict=True))
            rows.append(
                (
                    prediction.picture,
                    prediction.names[0] if prediction.labels is None else "|".join(prediction.labels),
                    *(self._group(prediction).values() if self.has_groups else ()),
                    *map(_cell, self._novelty(prediction).values()),
                    *(by_class.get(name, "") for name in self.class_names),
                )
            )
        return "".join(map(csv_line, rows))


def predict(
    model: Classifier | str | Path | Any,
    pictures: Any = None,
    *,
    top: int | None = None,
    precision: str = "float32",
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> Predictions:
    """Predict the classes of images: `predict(model, pictures)`, or `predict(pictures)` by the built-in ImageNet model.

    Args:
        model: a classifier, a run folder, a `.keras` or an `.h5` file, or the name of a built-in model.
        pictures: one or several of: a file's path, a folder's path (every picture in it, however deep), a uint8
            array (H, W), (H, W, 1) or (H, W, 3) of any size.
        top: how many classes to name for each image, the likeliest first. Default: all.
        precision: "float32", "bfloat16" or "auto", as in `Classifier.probabilities`.
        listener: hears how many images are done.
        said: of a model that tellapart did not save, as for `load`.

    Raises:
        ConfigError: `top` or `precision` is out of range, or there is a model and no picture.
        DataError: a folder without pictures, or something that is neither a path nor such an array.
        ModelError: not a model.
    """
    model, pictures = model_or_built_in(model, pictures)
    several = isinstance(pictures, Sequence) and not isinstance(pictures, str)
    given = list(pictures) if several else [pictures]
    if "" in [picture for picture in given if isinstance(picture, str)]:
        raise DataError(
            "A picture's path is empty. Give the path of a file or a folder; the current folder is a dot: ."
        )
    paths = all(isinstance(picture, str | Path) for picture in given)
    images = files_in([Path(path) for path in given])[0] if paths else given
    return predict_images(load(model, **said), images, top, precision, listener or Listener())


def predict_images(
    classifier: Classifier, images: Sequence[Any], top: int | None, precision: str, listener: Listener
) -> Predictions:
    """Do what `predict` does, for files and arrays, a few hundred at a time."""
    predictions: list[Prediction] = []
    unreadable: list[UnreadableImage] = []
    at_once = FILES_AT_ONCE if all(isinstance(image, str | Path) for image in images) else len(images)
    for start in range(0, len(images), at_once or 1):
        part = images[start : start + at_once]
        predicted, left_out = classifier.predict(part, top, precision)
        predictions += predicted
        unreadable += left_out
        listener.decoding(start + len(part), len(images))
    novelty = classifier.card.novelty
    return Predictions(
        classifier.class_names,
        tuple(predictions),
        tuple(unreadable),
        has_groups=bool(classifier.card.groups),
        novelty_limit=None if novelty is None else novelty.limit,
        usage=classifier.usage,
        thresholds=dict(zip(classifier.class_names, classifier.card.thresholds, strict=True))
        if classifier.card.multi_label
        else None,
    )


def _cell(value: Any) -> Any:
    """Return a value as a CSV shows it: true and false as JSON spells them, nothing for None."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def files_in(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return each file itself; for a folder every picture in it, however deep, in the order a person expects.

    Returns:
        The pictures; and the folders' other files, those without a picture's ending. Hidden files are in neither.

    Raises:
        DataError: a folder without pictures, or one that cannot be read.
    """
    files: list[Path] = []
    others: list[Path] = []
    for path in paths:
        with unreadable_is_bad_data(path):
            pictures, left_out = _inside(path) if path.is_dir() else ([path], [])
        files += pictures
        others += left_out
    return files, others


def _inside(path: Path) -> tuple[list[Path], list[Path]]:
    folder = walk(path)
    pictures, others = (
        [Path(place) for place in places] for places in (folder.every_image(), folder.every_other())
    )
    if not pictures:
        raise DataError(
            f"{path}: no pictures in it or in its subfolders (looked for "
            f"{', '.join(sorted(IMAGE_SUFFIXES)[:6])} and others; it holds {len(others):,} other files)."
        )
    return _sorted(pictures), _sorted(others)


def _sorted(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: natural_key(path.as_posix()))
