"""`evaluate`: score a model on labeled images that it was not trained on.

`chosen_images` says which those are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from tellapart.api.chosen_images import ImageChoice, choose_images, saved_settings
from tellapart.api.listener import Listener
from tellapart.api.load import opened as opened_model
from tellapart.api.load import warn_of
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.plain.pixel_doubt import doubt_about_pixels
from tellapart.classifier.plain.said import SaidOptions
from tellapart.classifier.plain.usage import Usage
from tellapart.classifier.split_scores import names_things, split_scores
from tellapart.data.left_out import is_picture_or_folder, left_out_of_folders
from tellapart.data.reading_notes import in_words
from tellapart.data.store import ImageStore, load_split
from tellapart.metrics.label_scores import LabelScores
from tellapart.metrics.scores import Scores
from tellapart.pages.card import Card, Facts, Readable, Words
from tellapart.runs.untrusted_pictures import (
    TrustedScores,
    trusted_scores,
)
from tellapart.text import short_name


@dataclass(frozen=True, slots=True)
class Evaluation(Readable):
    """A model's scores, and what they are scores of."""

    scores: Scores | LabelScores
    """Scores, with `accuracy` and its `interval`; of several labels a picture LabelScores, with
    `mean_average_precision` instead."""

    data: str
    """The data's name."""

    where: str
    """Its place."""

    note: str = ""
    """What a reader must know about the choice of images; often empty."""

    plain_scores: Scores | LabelScores | None = None
    """The same without test-time augmentation, where the model uses it."""

    tta_views: int = 1
    """Copies of each image whose predictions `scores` averages."""

    unfamiliar: int | None = None
    """Images that are unlike the model's training images; None: the model cannot tell."""

    trusted: TrustedScores | None = None
    """The same without test images that are copies of training images or doubtful; None where none are known."""

    thresholds_from: str = ""
    """Of several labels a picture: how the thresholds were chosen."""

    usage: Usage | None = None
    """How a model without a model card was used, and what its outputs were taken for; None: it has a card."""

    def _parts(self) -> list[str]:
        return [
            self.scores.in_words,
            f"{short_name(self.data)} {self.scores.split}",
            f"loss {self.scores.loss:.4f}",
        ]

    def _card(self) -> Card:
        facts = Facts(
            [
                ("data", f"{self.data}, {self.scores.split} split"),
                ("where", self.where),
                ("copies of each picture averaged", self.tta_views if self.tta_views > 1 else None),
                ("without them", None if self.plain_scores is None else self.plain_scores.in_words),
                ("unlike the training pictures", self.unfamiliar),
                ("without doubtful test pictures", None if self.trusted is None else self.trusted.in_words),
                ("assumed", None if self.usage is None else self.usage.in_python()),
            ]
        )
        note = [Words(self.note)] if self.note else []
        return Card("Evaluation", self.scores.in_words, [facts, *note, *self.scores.card_blocks()])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "data": self.data,
            "where": self.where,
            "note": self.note,
            **({"thresholds_from": self.thresholds_from} if self.thresholds_from else {}),
            "scores": self.scores.to_dict(),
            "unfamiliar_pictures": self.unfamiliar,
            "scores_without_tta": None if self.plain_scores is None else self.plain_scores.to_dict(),
            "scores_of_trusted_pictures": None if self.trusted is None else self.trusted.to_dict(),
            **({} if self.usage is None else {"usage": self.usage.to_dict()}),
        }


def evaluate(
    model: Classifier | str | Path,
    data: Any = None,
    *,
    split: str | None = None,
    labels: Any = None,
    precision: str | None = None,
    listener: Listener | None = None,
    **said: Unpack[SaidOptions],
) -> Evaluation:
    """Score a model: a run folder on its own test images, any model on `data`.

    Args:
        model: what `train` returned, a classifier, a run folder, a `.keras` or `.h5` file, or the name of a built-in
            model: "imagenet", "cifar10" or "digits". A Keras model in memory: save it first.
        data: anything that `open_dataset` opens. Default: a run folder's own data.
        split: "train", "validation" or "test". Default: the test split, or everything where data is undivided.
        labels: a file of labels, or a `Labels`, for images that are not in class folders.
        precision: "float32", "bfloat16" or "auto", as in `Classifier.probabilities`. Default: for a run folder
            that of its training, otherwise "float32".
        listener: hears of the images read and scored.
        said: of a model that tellapart did not save, as for `load`.

    Returns:
        `scores`, with accuracy, its interval, and each class; what they are scores of; and a `note` of what a reader
        must know about the choice of images.

    Raises:
        ConfigError: no data given, and the model is no run folder.
        DataError: images or labels that cannot be used.
        ModelError: not a model.
    """
    listener = listener or Listener()
    saved = saved_settings(model)
    classifier = opened_model(model, **said)
    choice = choose_images(model, classifier.card, data, labels, split, listener)
    evaluation = _scored(classifier, choice, precision or saved.get("precision", "float32"), listener)
    warn_of(evaluation.usage)
    return evaluation


def _scored(classifier: Classifier, choice: ImageChoice, precision: str, listener: Listener) -> Evaluation:
    dataset = choice.dataset
    classifier = classifier.named_by(dataset)
    store = load_split(dataset.part(choice.split), classifier.card.preprocessing, progress=listener.decoding)
    predictions = classifier.tta_probabilities(
        store.images, listener.scoring, precision=precision, novelty=True
    )
    scores, plain, unfamiliar = split_scores(
        classifier.card, predictions, store.labels, dataset.class_names, choice.name
    )
    tta_views = classifier.card.tta_views
    note = " ".join(_notes(classifier, choice, store))
    return Evaluation(
        scores,
        dataset.name,
        dataset.where,
        note,
        plain_scores=plain if tta_views > 1 else None,
        tta_views=tta_views,
        unfamiliar=unfamiliar,
        trusted=trusted_scores(
            choice.untrusted,
            predictions.averaged,
            store.labels,
            store.ids,
            dataset.class_names,
            classifier.card.thresholds,
        ),
        thresholds_from=classifier.card.thresholds_from,
        usage=classifier.usage,
    )


def _notes(classifier: Classifier, choice: ImageChoice, store: ImageStore) -> list[str]:
    """Say what a reader must know about the images that were scored."""
    known = choice.fingerprints or {}
    if choice.split in known and known[choice.split] != store.fingerprint():
        notes = [
            f"The {choice.split} pictures have changed since the training, so this is not the training's score."
        ]
    else:
        notes = [choice.note] if choice.note else []
    skipped = left_out_of_folders(list(filter(is_picture_or_folder, choice.dataset.ignored)))
    notes += [f"{words}." for words in (*choice.dataset.notices, *skipped)]
    if store.unreadable:
        count = f"{len(store.unreadable)} unreadable picture{'s' * (len(store.unreadable) != 1)}"
        notes.append(f"Skipped {count} ({store.unreadable[0].reason}).")
    notes += [f"{line}." for line in in_words(store.notes)]
    names = choice.dataset.class_names
    if classifier.usage is not None and classifier.usage.pixels.source == "assumed":
        own = {name: index for index, name in enumerate(classifier.class_names)}
        targets = np.array([own.get(name, -1) for name in names], np.int64)[store.labels]
        notes += filter(None, [doubt_about_pixels(classifier.net, store.images, targets)])
    if names_things(classifier.card, names):
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        notes.append(
            f"The model has {len(classifier.class_names):,} classes; only the data's are compared, each by all its "
            f"kinds ({listed})."
        )
    return notes
