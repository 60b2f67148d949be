"""A classifier: a trained network with its class names and its pixel path.

Every picture takes one way: decode -> pixel path -> lowered net, in float32 unless
asked otherwise -> probabilities. Training's validation, `evaluate` and `predict` all go through here
or through the functions that this calls.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.card import ModelCard, card_of_plain_model
from tellapart.classifier.model_file import load_keras, read_card, save_h5, save_keras
from tellapart.classifier.resolve import model_path
from tellapart.data.dataset import Dataset
from tellapart.data.decode import load_image
from tellapart.data.store import ImageStore, UnreadableImage, load_split
from tellapart.errors import ConfigError, DataError, PictureError
from tellapart.events import Progress
from tellapart.inference.keras_file import read_stored_net
from tellapart.inference.predictor import tta_probabilities
from tellapart.inference.probability_net import ProbabilityNet, head_of, probability_net_of
from tellapart.inference.tta import TTA_VIEWS, TtaProbabilities
from tellapart.metrics.scores import Scores, score
from tellapart.runtime.precision import resolve_checked


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a classifier says of one picture."""

    picture: str
    """Its path, or its id in a set."""

    names: tuple[str, ...]
    """Classes, the likeliest first."""

    probabilities: tuple[float, ...]
    """Of those classes. Over all classes of the model they sum to 1."""


class Classifier:
    """A network that tells `class_names` apart."""

    def __init__(self, card: ModelCard, net: ProbabilityNet, load_model: Callable[[], Any]) -> None:
        self.card = card
        self.net = net
        self._load_model = load_model

    @cached_property
    def model(self) -> Any:
        """The Keras model. Of a file that was read without Keras, loaded when it is first asked for."""
        return self._load_model()

    @classmethod
    def of_model(cls, model: Any, card: ModelCard) -> "Classifier":
        """A classifier that shares a Keras model's weights, also while it is trained."""
        return cls(card, probability_net_of(model, len(card.class_names)), lambda: model)

    @property
    def class_names(self) -> tuple[str, ...]:
        """In the order of the network's outputs."""
        return self.card.class_names

    @classmethod
    def load(cls, path: str | Path) -> "Classifier":
        """Load a run folder, a `.keras` or an `.h5` file; tellapart's own or any Keras image classifier.

        A file without tellapart's card gets classes named 0, 1, 2, ... and is fed raw pixels 0-255.

        Raises:
            ModelError: no such file, not a model, or not an image classifier.
        """
        path = model_path(Path(path))
        card = read_card(path)
        stored = None if card is None else read_stored_net(path)
        if card is not None and stored is not None:
            shape = card.preprocessing.shape
            head = head_of(stored, shape, stored.last_activation, len(card.class_names), path.name)
            return cls(card, ProbabilityNet(stored, head), lambda: load_keras(path))
        model = load_keras(path)
        return cls.of_model(model, card or card_of_plain_model(model, path))

    def save(self, path: str | Path) -> None:
        """Save as `.keras` (everything) or `.h5` (the network alone).

        Raises:
            SaveError: it could not be written; nothing half-written is left.
        """
        path = Path(path)
        if path.suffix in (".h5", ".hdf5"):
            save_h5(self.model, path)
        else:
            save_keras(self.model, path, self.card)

    def probabilities(
        self,
        images: NDArray[np.uint8],
        progress: Progress | None = None,
        tta_views: int | None = None,
        precision: str = "float32",
    ) -> NDArray[np.float32]:
        """Ask about pictures that already took the pixel path.

        Args:
            images: (N, H, W, C) uint8, of the pixel path's shape.
            progress: called with (pictures done, pictures in all).
            tta_views: forms of each picture to ask about, 1, 2 or 6; None: the model's own number.
            precision: "float32"; "bfloat16", faster where the processor has it, classes in doubt settled in
                float32, probabilities to two digits; or "auto", the faster one here.

        Returns:
            (N, classes) float32, rows summing to 1.

        Raises:
            ConfigError: no such precision or number of views.
            DataError: `images` are no uint8 array of that shape.
        """
        return self.tta_probabilities(images, progress, tta_views, precision).averaged

    def _refuse_other_pixels(self, images: Any) -> None:
        shape = self.card.preprocessing.shape
        if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == shape:
            return
        met = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise DataError(
            f"Pictures to ask about are one array, uint8 (pixels 0 to 255), (N, {', '.join(map(str, shape))}); "
            f"got {met}. `predict` takes files and pictures of any size."
        )

    def tta_probabilities(
        self,
        images: NDArray[np.uint8],
        progress: Progress | None = None,
        tta_views: int | None = None,
        precision: str = "float32",
    ) -> TtaProbabilities:
        """Do what `probabilities` does, and give what a single view says beside it."""
        tta_views = self.card.tta_views if tta_views is None else tta_views
        if tta_views not in TTA_VIEWS:
            raise ConfigError(f"tta_views is 1, 2 or 6, copies of each image to predict; got {tta_views!r}.")
        self._refuse_other_pixels(images)
        precision = resolve_checked(precision)
        if not len(images):
            none = np.empty((0, len(self.class_names)), np.float32)
            return TtaProbabilities(none, none)
        return tta_probabilities(self.net, images, progress, tta_views=tta_views, precision=precision)

    def predict(
        self, pictures: Sequence[Any], top: int | None = None, precision: str = "float32"
    ) -> tuple[list[Prediction], list[UnreadableImage]]:
        """Name what is on pictures.

        Args:
            pictures: paths of files, or uint8 arrays (H, W), (H, W, 1) or (H, W, 3) of any size; or one such.
            top: how many classes to name for each, the likeliest; None for all.
            precision: as in `probabilities`.

        Returns:
            A prediction for each picture that could be read, in order; and those that could not, with the reason.
        """
        if top is not None and top < 1:
            raise ConfigError(f"top is a number of classes, 1 or more; got {top}.")
        one = isinstance(pictures, str | Path) or (isinstance(pictures, np.ndarray) and pictures.ndim < 4)
        images, names, unreadable = self._decode([pictures] if one else pictures)
        if not names:
            return [], unreadable
        answers = self.probabilities(np.stack(images), precision=precision)
        return ranked(answers, names, self.class_names, top), unreadable

    def evaluate(
        self,
        source: Dataset,
        split: str = "test",
        progress: Progress | None = None,
        precision: str = "float32",
    ) -> Scores:
        """Score on one split of labeled pictures.

        Args:
            source: from `open_dataset`; its classes are matched to the model's by name.
            split: "train", "validation" or "test".
            progress: called with (pictures done, pictures in all).
            precision: as in `probabilities`.

        Raises:
            DataError: there is no such split, or it has classes that the model does not know.
        """
        store = load_split(source.part(split), self.card.preprocessing)
        return self.score(store, source.class_names, split, progress, precision)[0]

    def score(
        self,
        store: ImageStore,
        class_names: tuple[str, ...],
        split: str,
        progress: Progress | None = None,
        precision: str = "float32",
    ) -> tuple[Scores, Scores]:
        """Score with the model's views, and without, on decoded pictures whose labels count in `class_names`.

        The rest as in `probabilities`. One and the same, where the model has a single view.
        """
        found = self.tta_probabilities(store.images, progress, precision=precision)
        labels, names = store.labels, class_names
        if not self.takes_names_of(class_names):
            labels, names = self._own_labels(store.labels, class_names), self.class_names
        averaged = score(found.averaged, labels, names, split)
        return averaged, averaged if self.card.tta_views == 1 else score(found.plain, labels, names, split)

    def takes_names_of(self, class_names: tuple[str, ...]) -> bool:
        """Whether the model has no class names of its own and as many outputs as there are `class_names`.

        Its outputs are then taken in the order of these, as for an `.h5` of the same training.
        """
        return not self.card.named and len(class_names) == len(self.class_names)

    def _own_labels(self, labels: NDArray[np.int64], class_names: tuple[str, ...]) -> NDArray[np.int64]:
        if class_names == self.class_names:
            return labels
        met = {class_names[label] for label in np.unique(labels)}
        unknown = sorted(met - set(self.class_names))
        if unknown:
            raise DataError(
                f"The data has classes that the model does not know: {_some(unknown)}. "
                f"The model tells apart: {_some(self.class_names)}. Rename the data's classes to the model's, "
                "or train a model on this data."
            )
        own = {name: index for index, name in enumerate(self.class_names)}
        return np.array([own.get(name, -1) for name in class_names], np.int64)[labels]

    def _decode(
        self, pictures: Sequence[Any]
    ) -> tuple[list[NDArray[np.uint8]], list[str], list[UnreadableImage]]:
        images, names, unreadable = [], [], []
        for index, picture in enumerate(pictures):
            try:
                name, pixels = load_image(picture, index)
            except PictureError as reason:
                unreadable.append(UnreadableImage(str(picture), str(reason)))
                continue
            images.append(self.card.preprocessing.apply(pixels))
            names.append(name)
        return images, names, unreadable


def ranked(
    answers: NDArray[np.float32], pictures: Iterable[str], class_names: tuple[str, ...], top: int | None
) -> list[Prediction]:
    """Probabilities (N, classes) as predictions, the likeliest class first; ties in class order."""
    order = np.argsort(-answers, axis=1, kind="stable")[:, :top]
    return [
        Prediction(picture, tuple(class_names[i] for i in row), tuple(float(answer[i]) for i in row))
        for picture, row, answer in zip(pictures, order, answers, strict=True)
    ]


def _some(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
