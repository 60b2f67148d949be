"""`predict`: classes and probabilities of images.

Files are read and predicted a few hundred at a time; only the predictions of all are kept, about 40 kB each for a
thousand classes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack, overload

from tellapart.api.given import given_paths, given_pictures
from tellapart.api.listener import Listener
from tellapart.api.load import load, model_or_built_in
from tellapart.api.predict_into import predict_into_file
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.said import SaidOptions
from tellapart.classifier.plain.usage import Usage
from tellapart.classifier.prediction import Prediction
from tellapart.classifier.prediction_rows import PredictionRows, group_fields
from tellapart.data.decode import name_of
from tellapart.data.fitted import CARD_SIDE, for_card
from tellapart.data.store import UnreadableImage
from tellapart.data.types import Pixels
from tellapart.errors import ConfigError, DataError, PictureError
from tellapart.pages.card import MOST_ROWS, Card, Picture, Pictures, Readable, Table
from tellapart.pages.thumbnail import MOST, SIDE, thumbnail
from tellapart.text import counted, csv_line, short_name
from tellapart.volume.formats import format_of
from tellapart.volume.job import PredictionFile
from tellapart.volume.pipeline import Asking

FILES_AT_ONCE = 500
"""Images in memory."""


@dataclass(frozen=True, slots=True)
class Predictions(Readable):
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

    is_one: bool = False
    """Whether a single picture was given: not a list, not a folder."""

    in_memory: Mapping[str, Pixels] = field(default_factory=dict)
    """Small copies of the first pictures that are no files, by name, for a notebook."""

    @property
    def best(self) -> str | tuple[str, ...]:
        """The likeliest class: a name where one picture was given; of a list or a folder a name for each picture that
        could be read, in order.

        Raises:
            PictureError: the one picture could not be read.
        """
        if self.is_one and self.failed:
            raise PictureError(self.failed[0].reason)
        names = tuple(prediction.best for prediction in self.predictions)
        return names[0] if self.is_one else names

    @property
    def failed(self) -> tuple[UnreadableImage, ...]:
        """The pictures that could not be read: `id` and `reason` of each."""
        return self.unreadable

    def table(self, *, probabilities: bool = False) -> list[dict[str, Any]]:
        """Return a row for each prediction as plain values; `pandas.DataFrame(predictions.table())` is a data frame.

        Args:
            probabilities: whether to add that of each class, as "p(cat)"; None for classes beyond `top`.

        Returns:
            Rows of picture, predicted, probability and familiar (None: the model cannot tell); for a model whose
            classes are kinds of everyday things, also group, group_probability and group_class. For a model of several
            labels a picture, labels and probabilities, a list of each, stand in place of probability.
        """
        return [self._row(prediction, probabilities) for prediction in self.predictions]

    def _row(self, prediction: Prediction, probabilities: bool) -> dict[str, Any]:
        by_name = dict(zip(prediction.names, prediction.probabilities, strict=True))
        return {
            "picture": prediction.picture,
            "predicted": prediction.best,
            **_shares(prediction, by_name),
            **(group_fields(prediction) if self.has_groups else {}),
            "familiar": prediction.familiar,
            **({f"p({name})": by_name.get(name) for name in self.class_names} if probabilities else {}),
        }

    def _parts(self) -> list[str]:
        if self.is_one and self.predictions:
            return list(self.predictions[0]._parts())
        counts = Counter(prediction.thing for prediction in self.predictions)
        listed = ", ".join(f"{short_name(name, 24)} ({count:,})" for name, count in counts.most_common(5))
        more = f" and {len(counts) - 5} other classes" if len(counts) > 5 else ""
        unfamiliar = sum(prediction.familiar is False for prediction in self.predictions)
        return [
            f"{counted(len(self.predictions), 'picture')}{f': {listed}{more}' * bool(counts)}",
            *([f"{unfamiliar:,} unlike the training pictures"] if unfamiliar else []),
            *([f"{len(self.failed):,} failed: {self.failed[0].reason}"] if self.failed else []),
        ]

    def _card(self) -> Card:
        failed = Table(
            ("picture", "reason"),
            [(each.id, each.reason) for each in self.failed[:5]],
            "Failed",
            len(self.failed),
        )
        if self.is_one and self.predictions:
            card = self.predictions[0]._card()
            return replace(
                card, name="Predictions", blocks=[Pictures(self._thumbnails(1, 192)), *card.blocks]
            )
        rows = [(each.picture, each.in_words, each.familiar) for each in self.predictions[:MOST_ROWS]]
        table = Table(("picture", "prediction", "familiar"), rows, count=len(self.predictions))
        pictures = Pictures(self._thumbnails(MOST))
        return Card("Predictions", ", ".join(self._parts()), [pictures, table, failed])

    def _thumbnails(self, most: int, side: int = SIDE) -> list[Picture]:
        shown = []
        for prediction in self.predictions[:most]:
            copy = self.in_memory.get(prediction.picture)
            pixels = for_card(prediction.picture) if copy is None else copy
            if pixels is not None:
                shown.append(thumbnail(pixels, prediction.in_words, side))
        return shown

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    def __getitem__(self, index: int) -> Prediction:
        return self.predictions[index]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "predictions": [self._rows.as_dict(prediction) for prediction in self.predictions],
            "unreadable": [{"picture": image.id, "reason": image.reason} for image in self.unreadable],
            **({} if self.usage is None else {"usage": self.usage.to_dict()}),
            **({} if self.thresholds is None else {"thresholds": dict(self.thresholds)}),
        }

    @property
    def _rows(self) -> PredictionRows:
        return PredictionRows(self.class_names, self.has_groups, self.novelty_limit)

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
        rows = self._rows
        return "".join(map(csv_line, [rows.header, *map(rows.cells, self.predictions)]))


@overload
def predict(
    model: Classifier | str | Path | Any,
    pictures: Any = None,
    *,
    top: int | None = None,
    precision: str = "float32",
    out: None = None,
    workers: None = None,
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> Predictions: ...


@overload
def predict(
    model: Classifier | str | Path | Any,
    pictures: Any = None,
    *,
    top: int | None = None,
    precision: str = "float32",
    out: str | Path,
    workers: int | None = None,
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> PredictionFile: ...


def predict(
    model: Classifier | str | Path | Any,
    pictures: Any = None,
    *,
    top: int | None = None,
    precision: str = "float32",
    out: str | Path | None = None,
    workers: int | None = None,
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> Predictions | PredictionFile:
    """Predict the classes of images: `predict(model, pictures)`, or `predict(pictures)` by the built-in ImageNet model.

    With `out` the predictions go into a file while they are made, in as much memory for a million pictures as for a
    thousand. Stopped or killed, the same call goes on where it was; the file appears once it is whole.

    Args:
        model: what `train` returned, a classifier, a run folder, a `.keras` or `.h5` file, or the name of a built-in
            model: "imagenet", "cifar10" or "digits". A Keras model in memory: save it first.
        pictures: one picture, or a list of them, mixed as you like: a file's path, a folder's path (every picture in
            it, however deep), a uint8 array (H, W), (H, W, 1) or (H, W, 3) of any size, a PIL image, the bytes of an
            image file; or an array of several, (N, H, W), (N, H, W, 1) or (N, H, W, 3). Arrays are uint8, 0 to 255,
            whatever the model was trained on. No web addresses: download first, what is behind one may change.
            With `out`, paths alone.
        top: how many classes to name for each image, the likeliest first. Default: all.
        precision: "float32", "bfloat16" or "auto", as in `Classifier.probabilities`.
        out: a new file, `.csv`, `.jsonl` or `.parquet`, with a row for each picture, unreadable ones included.
        workers: with `out`, threads that decode pictures while the network predicts others. Default: one for each core.
        listener: hears how many images are done.
        said: of a model that tellapart did not save, as for `load`.

    Returns:
        Predictions, without the pictures that could not be read; pair them by name, as in
        {p.picture: p.best for p in result}. `.best` is the likeliest class: a name for one picture, else a name for
        each; `.table()` gives rows for pandas; `.failed` has `id` and `reason` of each unreadable picture. With
        `out`, a `PredictionFile`: its `path`, and how many pictures were `predicted` and `unreadable`.

    Raises:
        ConfigError: `top`, `precision` or `workers` is out of range, or there is a model and no picture; `out` exists,
            or was begun with another model, other pictures or other settings.
        DataError: a folder without pictures, a web address, or something that is no picture.
        ModelError: not a model.
        MissingExtraError: `out` is a parquet file, and pyarrow is not installed.
        SaveError: `out` cannot be written.
    """
    model, pictures = model_or_built_in(model, pictures)
    listener = listener or Listener()
    if out is not None:
        format_of(Path(out))
        paths = given_paths(pictures)
        return predict_into_file(
            Asking(load(model, **said), top, precision), paths, Path(out), workers, listener
        )
    if workers is not None:
        raise ConfigError(
            "workers is for predictions that are written to a file: give out='predictions.csv' too."
        )
    given = given_pictures(pictures)
    classifier = load(model, **said)
    predictions = predict_images(classifier, given.pictures, top, precision, listener)
    return replace(predictions, is_one=given.is_one, in_memory=_small_copies(given.pictures))


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
    return predictions_of(classifier, predictions, unreadable)


def predictions_of(
    classifier: Classifier,
    predictions: Sequence[Prediction],
    unreadable: Sequence[UnreadableImage] = (),
) -> Predictions:
    """Return what a classifier predicted, with what its model card says of it."""
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


def _shares(prediction: Prediction, by_name: Mapping[str, float]) -> dict[str, Any]:
    """Return what a row says of probabilities: that of the predicted class, or of each label that a picture is given.

    The likeliest label need not be one of those: each has a threshold of its own.
    """
    if prediction.labels is None:
        return {"probability": prediction.probabilities[0]}
    shares = [by_name.get(label) for label in prediction.labels]
    return {"labels": list(prediction.labels), "probabilities": shares}


def _small_copies(pictures: Sequence[Any]) -> dict[str, Pixels]:
    """Return the first pictures that are no files, by the names that predictions give them, for a card."""
    shown = list(enumerate(pictures[:MOST]))
    loaded = [(name_of(each, index), for_card(each)) for index, each in shown if not isinstance(each, Path)]
    return {name: _small_copy(pixels) for name, pixels in loaded if pixels is not None}


def _small_copy(pixels: Pixels) -> Pixels:
    step = max(1, max(pixels.shape[:2]) // CARD_SIDE)
    return pixels[::step, ::step].copy()
