"""A classifier: a trained network with its class names and its preprocessing.

Every image takes the same way: decode -> preprocessing -> lowered net, in float32 by default ->
probabilities. Training's validation, `evaluate` and `predict` all go through here or through the
functions that this calls.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.backbone_model import backbone_net
from tellapart.classifier.card import ModelCard, NoveltyLimit, refuse_other_images
from tellapart.classifier.groups import likeliest_groups
from tellapart.classifier.model_file import (
    H5_SUFFIXES,
    UNFITTING,
    backbone_of,
    load_keras,
    read_card,
    read_reference,
    save_h5,
    save_keras,
    unusable_is_model_error,
)
from tellapart.classifier.plain.by_data import named_by_data
from tellapart.classifier.plain.open_plain import open_plain
from tellapart.classifier.plain.said import Said
from tellapart.classifier.plain.usage import Usage
from tellapart.classifier.prediction import Prediction, ranked, with_labels, with_notes, with_novelty
from tellapart.classifier.resolve import model_file, title_of
from tellapart.classifier.split_scores import SplitScores, split_scores
from tellapart.data.dataset import Dataset
from tellapart.data.fitted import FittedImage, fitted
from tellapart.data.store import ImageStore, UnreadableImage, load_split
from tellapart.errors import ConfigError, DataError, ModelError, PictureError
from tellapart.events import Progress
from tellapart.inference.keras_file import read_stored_net
from tellapart.inference.predictor import tta_probabilities
from tellapart.inference.probability_net import ProbabilityNet, probability_net_of, stored_probability_net
from tellapart.inference.scored_net import ScoredNet, scored_net
from tellapart.inference.tta import TTA_VIEWS, TtaProbabilities
from tellapart.metrics.label_scores import LabelScores, given_labels
from tellapart.metrics.novelty import (
    BY_FEATURES,
    FeatureReference,
    fit_reference_and_limit,
    novelty_scores,
)
from tellapart.metrics.scores import Scores
from tellapart.pages.card import Card, Readable, Words
from tellapart.runtime.precision import resolve_checked
from tellapart.runtime.threads import one_blas_thread
from tellapart.text import few_names


class Classifier(Readable):
    """A trained network with its model card; from `tellapart.load`, or `train(...).classifier`."""

    def __init__(
        self,
        card: ModelCard,
        net: ProbabilityNet,
        load_model: Callable[[], Any],
        reference: FeatureReference | None = None,
        usage: Usage | None = None,
    ) -> None:
        self.card = card
        """Class names, preprocessing, calibration."""
        self.usage = usage
        """How a model without a model card is used, and what of that is assumed; None: it has a card."""
        self.reference = reference
        """Of the training images' features, where the card's novelty score needs one."""
        self.net = net
        self._load_model = load_model

    @cached_property
    def model(self) -> Any:
        """The Keras model; for a file that was read without Keras, loaded at the first access."""
        return self._load_model()

    def _parts(self) -> Iterable[str]:
        return self.card._parts()

    def _card(self) -> Card:
        usage = [] if self.usage is None else [Words(self.usage.in_python() or "Nothing was assumed.")]
        headline = f"tells apart {few_names(self.class_names, 'classes')}"
        return Card("Classifier", headline, [*self.card.card_blocks(), *usage])

    @classmethod
    def of_model(cls, model: Any, card: ModelCard) -> "Classifier":
        """Return a classifier that shares a Keras model's weights, also while the model is trained."""
        net = probability_net_of(model, len(card.class_names), multi_label=card.multi_label)
        return cls(card, net, lambda: model)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs."""
        return self.card.class_names

    @classmethod
    def load(cls, path: str | Path, said: Said | None = None) -> "Classifier":
        """Load a run folder, a `.keras` or an `.h5` file, or a built-in model by its name.

        Any Keras image classifier is accepted. What one without tellapart's model card does not say of its pixels
        and classes is found in its layers, or assumed as `usage` tells.

        Args:
            path: of the model.
            said: what somebody knows of a model without a card.

        Raises:
            ConfigError: something was said of a model that has a card, or must be said of one that has none.
            ModelError: there is no such file, or it is not an image classifier.
        """
        path, said = model_file(path), said or Said()
        card = read_card(path)
        if card is not None and (flags := said.flags()):
            raise ConfigError(
                f"{', '.join(flags)} cannot be used with {title_of(path)}: its model card says how it is used. "
                f"Leave out {', '.join(flags)}."
            )
        if card is not None and (backbone := backbone_of(path)):
            return cls(
                card, ProbabilityNet(backbone_net(backbone), "probabilities"), lambda: load_keras(path)
            )
        with unusable_is_model_error(path):
            return cls._of_plain_file(path, said) if card is None else cls._of_file(path, card, said)

    @classmethod
    def _of_file(cls, path: Path, card: ModelCard, said: Said) -> "Classifier":
        reference = read_reference(path, card)
        net = _stored_net(path, card)
        if net is not None:
            return cls(card, net, lambda: load_keras(path), reference)
        model = load_keras(path, said.custom_objects)
        refuse_other_images(card, model.input_shape[1:], path)
        net = probability_net_of(model, len(card.class_names), path.name, multi_label=card.multi_label)
        return cls(card, net, lambda: model, reference)

    @classmethod
    def _of_plain_file(cls, path: Path, said: Said) -> "Classifier":
        model, card, usage = open_plain(load_keras(path, said.custom_objects), path, said)
        net = probability_net_of(model, len(card.class_names), path.name)
        return cls(card, net, lambda: model, usage=usage.with_head(net.head))

    def named_by(self, dataset: Dataset) -> "Classifier":
        """Return the classifier with class names: its own, or for a model without any those that a data set's classes
        give its outputs.

        Raises:
            DataError: the data has more or fewer classes than a model without names.
        """
        if self.card.named:
            return self
        card, classes = named_by_data(self.card, dataset.class_names, numbered=dataset.numbered)
        usage = None if self.usage is None else replace(self.usage, classes=classes)
        return Classifier(card, self.net, self._load_model, self.reference, usage)

    def learn_familiar(
        self, features: NDArray[np.float32], labels: NDArray[np.integer], seed: int = 0
    ) -> None:
        """Learn from the training images' features which images are familiar; the model file keeps it.

        Args:
            features: (N, features), the inputs of the last dense layer, a row for each training image and none for
                its mirrored or augmented copies.
            labels: (N,) class indices, at least one class with two images. With fewer than 19 images there are
                scores, but no limit.
            seed: of the division of the images.

        Raises:
            ValueError: no class has two images, or `features` and `labels` differ in N.
        """
        with one_blas_thread():
            self.reference, limit = fit_reference_and_limit(features, labels, seed)
        self.card = replace(self.card, novelty=NoveltyLimit(BY_FEATURES, limit))

    def save(self, path: str | Path) -> None:
        """Save as `.keras` (with the model card) or `.h5` (the network alone).

        Raises:
            SaveError: it could not be written; nothing half-written is left.
        """
        path = Path(path)
        if path.suffix in H5_SUFFIXES:
            save_h5(self.model, path)
        else:
            save_keras(self.model, path, self.card, self.reference)

    def probabilities(
        self,
        images: NDArray[np.uint8],
        progress: Progress | None = None,
        tta_views: int | None = None,
        precision: str = "float32",
    ) -> NDArray[np.float32]:
        """Predict preprocessed images.

        Args:
            images: (N, H, W, C) uint8, of the preprocessing's shape.
            progress: called with (images done, images in all).
            tta_views: views of each image to average, 1, 2 or 6; None: the model's own number.
            precision: "float32"; "bfloat16", faster where the processor has it, uncertain images predicted
                again in float32, probabilities to two digits; or "auto", the faster one on this machine.

        Returns:
            (N, classes) float32, rows summing to 1; of several labels a picture, each from 0 to 1 by itself.

        Raises:
            ConfigError: unknown precision or number of views.
            DataError: `images` is not a uint8 array of that shape.
        """
        return self.tta_probabilities(images, progress, tta_views, precision).averaged

    def _check_images(self, images: Any) -> None:
        shape = self.card.preprocessing.shape
        if getattr(images, "dtype", None) == np.uint8 and tuple(images.shape[1:]) == shape:
            return
        received = (
            f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        )
        raise DataError(
            f"images is one uint8 array (pixels 0 to 255) of shape (N, {', '.join(map(str, shape))}); "
            f"got {received}. `predict` takes files and arrays of any size."
        )

    def tta_probabilities(
        self,
        images: NDArray[np.uint8],
        progress: Progress | None = None,
        tta_views: int | None = None,
        precision: str = "float32",
        novelty: bool = False,
    ) -> TtaProbabilities:
        """Predict as `probabilities` does; return the predictions without test-time augmentation as well.

        With `novelty`, also the novelty scores, where the model has a method and its features can be seen.
        """
        tta_views = self.card.tta_views if tta_views is None else tta_views
        if tta_views not in TTA_VIEWS:
            raise ConfigError(f"tta_views is 1, 2 or 6, copies of each image to predict; got {tta_views!r}.")
        self._check_images(images)
        precision = resolve_checked(precision)
        if not len(images):
            empty = np.empty((0, len(self.class_names)), np.float32)
            return TtaProbabilities(empty, empty)
        scored = self._scored_net() if novelty else None
        return tta_probabilities(
            self.net,
            images,
            progress,
            tta_views=tta_views,
            precision=precision,
            scored=scored,
            multi_label=self.card.multi_label,
        )

    def _scored_net(self) -> ScoredNet | None:
        if self.card.novelty is None:
            return None
        return scored_net(self.net, self._novelty_scores)

    def _novelty_scores(
        self, features: NDArray[np.float32], logits: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        assert self.card.novelty is not None
        known = None if self.reference is None else self.reference.means.shape[1]
        if known not in (None, features.shape[1]):
            raise ModelError(
                f"The model knows its training images by {known} features each, and its network has "
                f"{features.shape[1]}. Train it again, or use the file as tellapart saved it."
            )
        return novelty_scores(self.card.novelty.method, features, logits, self.reference)

    def predict(
        self, pictures: Sequence[Any], top: int | None = None, precision: str = "float32"
    ) -> tuple[list[Prediction], list[UnreadableImage]]:
        """Predict the classes of pictures.

        Args:
            pictures: paths of files, or uint8 arrays (H, W), (H, W, 1) or (H, W, 3) of any size; or a single one.
                `tellapart.predict` takes more: folders, PIL images, arrays of several pictures.
            top: how many of the likeliest classes to return for each; None for all.
            precision: as in `probabilities`.

        Returns:
            A prediction for each readable picture, in order; and the unreadable pictures, each with the reason.

        Raises:
            ConfigError: `top` or `precision` is out of range.
        """
        if top is not None and top < 1:
            raise ConfigError(f"top is a number of classes, 1 or more; got {top}.")
        single = isinstance(pictures, str | Path) or (isinstance(pictures, np.ndarray) and pictures.ndim < 4)
        images, unreadable = self._read([pictures] if single else pictures)
        if not images:
            return [], unreadable
        return self.predict_fitted(images, top, precision), unreadable

    def predict_fitted(
        self, images: Sequence[FittedImage], top: int | None = None, precision: str = "float32"
    ) -> list[Prediction]:
        """Predict the classes of images, at least one, that have been through the classifier's preprocessing."""
        pixels = np.stack([image.pixels for image in images])
        answers = self.tta_probabilities(pixels, precision=precision, novelty=True)
        groups = likeliest_groups(answers.averaged, self.class_names, self.card.groups)
        predictions = ranked(
            answers.averaged, [image.name for image in images], self.class_names, top, groups
        )
        predictions = with_notes(predictions, [image.note for image in images])
        if self.card.multi_label:
            given = given_labels(answers.averaged, self.card.thresholds)
            predictions = with_labels(predictions, given, self.class_names)
        return with_novelty(predictions, self.card.novelty, answers.novelty)

    def evaluate(
        self,
        dataset: Dataset,
        split: str = "test",
        progress: Progress | None = None,
        precision: str = "float32",
    ) -> Scores | LabelScores:
        """Score the classifier on one split of labeled images.

        Args:
            dataset: from `open_dataset`; its classes are matched to the model's by name, as `named_by` has them.
            split: "train", "validation" or "test".
            progress: called with (images done, images in all).
            precision: as in `probabilities`.

        Raises:
            DataError: there is no such split, or it has classes that the model does not know.
        """
        store = load_split(dataset.part(split), self.card.preprocessing)
        return self.named_by(dataset).score(store, dataset.class_names, split, progress, precision).averaged

    def score(
        self,
        store: ImageStore,
        class_names: tuple[str, ...],
        split: str,
        progress: Progress | None = None,
        precision: str = "float32",
    ) -> SplitScores:
        """Score with and without the model's test-time augmentation, and count unfamiliar images.

        Args:
            store: preprocessed images.
            class_names: of the store's labels.
            split: the name of the split.
            progress: called with (images done, images in all).
            precision: as in `probabilities`.

        Raises:
            DataError: the images have classes that the model does not know.
        """
        predictions = self.tta_probabilities(store.images, progress, precision=precision, novelty=True)
        return split_scores(self.card, predictions, store.labels, class_names, split)

    def _read(self, pictures: Sequence[Any]) -> tuple[list[FittedImage], list[UnreadableImage]]:
        images, unreadable = [], []
        for index, picture in enumerate(pictures):
            try:
                images.append(fitted(picture, self.card.preprocessing, index))
            except PictureError as reason:
                unreadable.append(UnreadableImage(str(picture), str(reason)))
        return images, unreadable


def _stored_net(path: Path, card: ModelCard) -> ProbabilityNet | None:
    """Return the network of a file that is read without Keras; None where Keras has to read it, or to refuse it."""
    stored = read_stored_net(path)
    if stored is None:
        return None
    refuse_other_images(card, stored.image_shape, path)
    try:
        shape, classes = card.preprocessing.shape, len(card.class_names)
        return stored_probability_net(stored, shape, classes, path.name, multi_label=card.multi_label)
    except ModelError:
        raise
    except UNFITTING:
        return None
