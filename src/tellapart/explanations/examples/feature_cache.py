"""Seen: what a network made of its training pictures at moments of its training, kept in the run folder.

To ask all training pictures again takes minutes, so it is done once for a run. What is kept is true for the
weights and the pictures whose fingerprint it carries; for others it is made anew.
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
from tellapart.files import write_whole
from tellapart.runs.checkpoint import Weights, load_weights
from tellapart.runs.saved_run import SavedRun
from tellapart.training.health import best_epoch

FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointModel:
    """A network as it was after an epoch of its training."""

    epoch: int
    """Finished epochs."""

    learning_rate: float
    """The mean over the epochs since the moment before."""

    classifier: Classifier


@dataclass(frozen=True, slots=True, eq=False)
class CachedFeatures:
    """What the network of one moment made of the training pictures."""

    features: NDArray[np.float32]
    """(N, D)."""

    errors: NDArray[np.float32]
    """(N, classes), from `errors_of`."""


def moments_of(run: SavedRun, final: Classifier) -> list[CheckpointModel]:
    """The moments that a run kept, in order, the last one that of the finished network.

    Args:
        run: with a history.
        final: its classifier.

    Raises:
        ModelError: a file of weights is damaged or of another network.
    """
    last = best_epoch(run.history).epoch + 1 if run.run.keep == "best" else len(run.history)
    found: dict[int, Classifier] = {}
    for path in sorted(run.folder.checkpoints.glob("epoch-*.safetensors")):
        epoch, weights = load_weights(path)
        found[epoch] = _with_weights(final, weights, path)
    found[last] = final
    rates = [done.learning_rate for done in run.history]
    moments, before = [], 0
    for epoch in sorted(found):
        since = rates[before:epoch] or rates[-1:]
        moments.append(CheckpointModel(epoch, sum(since) / len(since), found[epoch]))
        before = epoch
    return moments


def seen(
    run: SavedRun,
    moments: Sequence[CheckpointModel],
    store: ImageStore,
    rows: NDArray[np.int64],
    progress: Progress | None = None,
) -> list[CachedFeatures]:
    """What each moment's network makes of training pictures: from the run folder, or asked anew and kept there.

    Where the folder cannot be written to, nothing is kept.

    Args:
        run: whose folder, precision and label smoothing hold.
        moments: of it.
        store: the training pictures.
        rows: (n,) which of them.
        progress: called with (pictures done, pictures in all) over all moments.

    Raises:
        ModelError: the network has no features.
    """
    path = run.folder.path / "features.safetensors"
    fingerprint = _fingerprint(run, moments, rows)
    kept = _read(path, fingerprint, len(moments))
    if kept is not None:
        return kept
    images, labels = store.images[rows], store.labels[rows]
    found = []
    for index, moment in enumerate(moments):

        def told(done: int, _: int, before: int = index * len(rows)) -> None:
            if progress is not None:
                progress(before + done, len(moments) * len(rows))

        precision = run.data.get("precision", "float32")
        features, answers = features_and_probabilities(moment.classifier, images, told, precision)
        found.append(CachedFeatures(features, errors_of(answers, labels, run.run.label_smoothing)))
    _write(path, fingerprint, found)
    return [_rounded(one) for one in found]


def _with_weights(classifier: Classifier, weights: Weights, path: Path) -> Classifier:
    """The same network with weights of its own."""
    import keras

    model = keras.models.clone_model(classifier.model)
    if [tuple(now.shape) for now in model.weights] != [value.shape for value in weights]:
        raise ModelError(f"{path} belongs to another network than the run's model.")
    model.set_weights(weights)
    return Classifier.of_model(model, classifier.card)


def _fingerprint(run: SavedRun, moments: Sequence[CheckpointModel], rows: NDArray[np.int64]) -> str:
    """A sha256 (hexadecimal) over everything that the numbers depend on."""
    told = (FORMAT, run.data["fingerprints"]["train"], run.data.get("precision"), run.run.label_smoothing)
    digest = hashlib.sha256(repr(told).encode())
    digest.update(np.ascontiguousarray(rows, "<i8").data)
    for moment in moments:
        for weight in moment.classifier.model.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _write(path: Path, fingerprint: str, found: Sequence[CachedFeatures]) -> None:
    """As far as the folder allows."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[Any]] = {}
    for index, one in enumerate(found):
        scale = _scale(one.features)
        tensors[f"{index}/features"] = (one.features / scale).astype(np.float16)
        tensors[f"{index}/scale"] = np.array([scale], np.float32)
        tensors[f"{index}/errors"] = one.errors.astype(np.float16)
    try:
        write_whole(path, lambda place: save_file(tensors, place, {"fingerprint": fingerprint}))
    except SaveError:
        return


def _read(path: Path, fingerprint: str, count: int) -> list[CachedFeatures] | None:
    """What is kept; None where it is not of this fingerprint, or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            if (file.metadata() or {}).get("fingerprint") != fingerprint:
                return None
            return [
                CachedFeatures(
                    file.get_tensor(f"{index}/features").astype(np.float32)
                    * file.get_tensor(f"{index}/scale"),
                    file.get_tensor(f"{index}/errors").astype(np.float32),
                )
                for index in range(count)
            ]
    except (OSError, SafetensorError):
        return None


def _rounded(one: CachedFeatures) -> CachedFeatures:
    """As it comes back from the file, so that the first look and the second say the same."""
    scale = _scale(one.features)
    features = (one.features / scale).astype(np.float16).astype(np.float32) * scale
    return CachedFeatures(features, one.errors.astype(np.float16).astype(np.float32))


def _scale(features: NDArray[np.float32]) -> np.float32:
    """What the features are divided by, so that half precision holds them."""
    return np.float32(max(float(np.abs(features).max(initial=0.0)), 1e-12))
