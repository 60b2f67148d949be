"""CachedFeatures: features of the training images at every checkpoint, kept in the run folder.

Running all training images takes minutes, so it is done once for each run. The cache carries a fingerprint of the
weights and images that it was computed from; for others it is computed again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.classifier import Classifier
from tellapart.data.store import ImageStore
from tellapart.errors import ModelError, SaveError
from tellapart.events import Progress
from tellapart.explanations.examples.features import features_and_probabilities
from tellapart.explanations.examples.influence import errors_of
from tellapart.pages.card import Readable
from tellapart.runs.checkpoint import Weights, load_weights
from tellapart.runs.saved_run import SavedRun
from tellapart.runs.tensors_file import UnreadableTensorsError, read_tensors, write_tensors
from tellapart.training.health import best_epoch

FORMAT = 1
FILE, FILE_OF_EPOCHS = "features.safetensors", "features-by-epoch.safetensors"
"""For the finished network alone; for all checkpoints of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointModel(Readable):
    """A network as it was after an epoch of its training."""

    epoch: int
    """Epochs finished."""

    learning_rate: float
    """Mean learning rate over the epochs since the previous checkpoint."""

    classifier: Classifier


@dataclass(frozen=True, slots=True, eq=False)
class CachedFeatures(Readable):
    """What the network of one checkpoint computes for the training images."""

    features: NDArray[np.float32]
    """(N, D)."""

    errors: NDArray[np.float32]
    """(N, classes), from `errors_of`."""


def checkpoint_models(run: SavedRun, final: Classifier) -> list[CheckpointModel]:
    """Return the run's checkpoints in order, including that of the finished network.

    Args:
        run: with a history.
        final: its classifier.

    Raises:
        ModelError: a file of weights is damaged or belongs to another network.
    """
    config = run.config
    best = best_epoch(run.history, balanced=config.is_balanced) if config.keeps_best else run.history[-1]
    last = best.epoch + 1
    by_epoch: dict[int, Classifier] = {}
    for path in sorted(run.folder.checkpoints.glob("epoch-*.safetensors")):
        epoch, weights = load_weights(path)
        by_epoch[epoch] = _with_weights(final, weights, path)
    by_epoch[last] = final
    rates = [done.learning_rate for done in run.history]
    checkpoints, previous = [], 0
    for epoch in sorted(by_epoch):
        since = rates[previous:epoch] or rates[-1:]
        checkpoints.append(CheckpointModel(epoch, sum(since) / len(since), by_epoch[epoch]))
        previous = epoch
    return checkpoints


def cached_features(
    run: SavedRun,
    checkpoints: Sequence[CheckpointModel],
    store: ImageStore,
    rows: NDArray[np.int64],
    progress: Progress | None = None,
) -> list[CachedFeatures]:
    """Return each checkpoint's features of training images, from the run folder or computed and kept there.

    Nothing is kept where the folder is not writable.

    Args:
        run: its folder, precision and label smoothing are used.
        checkpoints: of the run.
        store: the training images.
        rows: (n,) which of them.
        progress: called with (images done, images in all) over all checkpoints.

    Raises:
        ModelError: the network has no features.
    """
    path = run.folder.path / (FILE if len(checkpoints) == 1 else FILE_OF_EPOCHS)
    fingerprint = _fingerprint(run, checkpoints, rows)
    cached = _read(path, fingerprint, len(checkpoints))
    if cached is not None:
        return cached
    images, labels = store.images[rows], store.labels[rows]
    computed = []
    for index, checkpoint in enumerate(checkpoints):
        shifted = _shifted(progress, index * len(rows), len(checkpoints) * len(rows))
        computed.append(_computed(run, checkpoint, images, labels, shifted))
    _write(path, fingerprint, computed)
    return [_rounded(each) for each in computed]


def keep_features(
    run: SavedRun, classifier: Classifier, features: NDArray[np.float32], probabilities: NDArray[np.float32]
) -> None:
    """Keep what a transfer computed for its training images, so that nothing runs them again.

    Args:
        run: of a transfer, with its training images.
        classifier: the finished network.
        features: (N, D) of all training images as they are.
        probabilities: (N, classes) of the same.
    """
    errors = errors_of(probabilities, run.stores["train"].labels, run.config.label_smoothing)
    final = [final_model(classifier)]
    fingerprint = _fingerprint(run, final, np.arange(len(features)))
    _write(run.folder.path / FILE, fingerprint, [CachedFeatures(features, errors)])


def kept_features(run: SavedRun, classifier: Classifier) -> NDArray[np.float32] | None:
    """Return the finished network's features of all training images, if the run folder has just these."""
    rows = np.arange(len(run.stores["train"]))
    cached = _read(run.folder.path / FILE, _fingerprint(run, [final_model(classifier)], rows), 1)
    return None if cached is None else cached[0].features


def final_model(classifier: Classifier) -> CheckpointModel:
    """Return a transfer's only checkpoint: its end.

    The weights of a head at its optimum are, times the penalty, the sum of all training images' features by their
    errors (the representer theorem), so its end alone tells what each of them contributed, up to one factor.

    Source: Yeh et al. 2018, arXiv:1811.09720.
    """
    return CheckpointModel(1, 1.0, classifier)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Return progress over one checkpoint as progress over all."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _computed(
    run: SavedRun,
    checkpoint: CheckpointModel,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    progress: Progress | None,
) -> CachedFeatures:
    precision = run.data.get("precision", "float32")
    features, probabilities = features_and_probabilities(checkpoint.classifier, images, progress, precision)
    return CachedFeatures(features, errors_of(probabilities, labels, run.config.label_smoothing))


def _with_weights(classifier: Classifier, weights: Weights, path: Path) -> Classifier:
    """Return a copy of the classifier with other weights."""
    import keras

    model = keras.models.clone_model(classifier.model)
    if [tuple(weight.shape) for weight in model.weights] != [value.shape for value in weights]:
        raise ModelError(f"{path} holds the weights of another network than the run's model.")
    model.set_weights(weights)
    return Classifier.of_model(model, classifier.card)


def _fingerprint(run: SavedRun, checkpoints: Sequence[CheckpointModel], rows: NDArray[np.int64]) -> str:
    """Return a sha256 (hexadecimal) of everything that the numbers depend on."""
    settings = (
        FORMAT,
        run.data["fingerprints"]["train"],
        run.data.get("precision"),
        run.config.label_smoothing,
    )
    digest = hashlib.sha256(repr(settings).encode())
    digest.update(np.ascontiguousarray(rows, "<i8").data)
    for checkpoint in checkpoints:
        for weight in checkpoint.classifier.model.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _write(path: Path, fingerprint: str, computed: Sequence[CachedFeatures]) -> None:
    """Write the cache, if the folder is writable."""
    tensors: dict[str, NDArray[Any]] = {}
    for index, each in enumerate(computed):
        scale = _scale(each.features)
        tensors[f"{index}/features"] = (each.features / scale).astype(np.float16)
        tensors[f"{index}/scale"] = np.array([scale], np.float32)
        tensors[f"{index}/errors"] = each.errors.astype(np.float16)
    try:
        write_tensors(path, tensors, {"fingerprint": fingerprint})
    except SaveError:
        return


def _read(path: Path, fingerprint: str, count: int) -> list[CachedFeatures] | None:
    """Return the cache; None where it is missing, damaged or of another fingerprint."""
    try:
        tensors, metadata = read_tensors(path)
        if metadata.get("fingerprint") != fingerprint:
            return None
        return [
            CachedFeatures(
                tensors[f"{index}/features"].astype(np.float32) * tensors[f"{index}/scale"],
                tensors[f"{index}/errors"].astype(np.float32),
            )
            for index in range(count)
        ]
    except (OSError, UnreadableTensorsError, KeyError):
        return None


def _rounded(computed: CachedFeatures) -> CachedFeatures:
    """Return what the file would give back, so that the first use and later ones agree."""
    scale = _scale(computed.features)
    features = (computed.features / scale).astype(np.float16).astype(np.float32) * scale
    return CachedFeatures(features, computed.errors.astype(np.float16).astype(np.float32))


def _scale(features: NDArray[np.float32]) -> np.float32:
    """Return what features are divided by, so that half precision can hold them."""
    return np.float32(max(float(np.abs(features).max(initial=0.0)), 1e-12))
