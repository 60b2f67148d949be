"""A recipe's training from pictures to a scored model: prepare, train, finish.

Joins data, recipe, loop and run folder. Prints nothing: a Watcher is told.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellapart import __version__
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier, ranked
from tellapart.data.open import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sampler import BatchSampler
from tellapart.data.split import apply_split, divide, read_split_csv, write_split_csv
from tellapart.data.store import ImageStore, load_split
from tellapart.errors import DataError
from tellapart.events import EpochDone, Event
from tellapart.explanations.ood import limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.lowering import lower
from tellapart.metrics.calibration import fit_temperature
from tellapart.metrics.scores import Scores, score
from tellapart.metrics.validation import Validation, validated
from tellapart.models.first_cnn import refuse_small_pictures
from tellapart.profiling.flops import count_flops
from tellapart.recipes.build import build_model, build_step, finish_model
from tellapart.recipes.config import TrainConfig
from tellapart.reports.prediction_grid import Shown, save_picture_grid
from tellapart.runs.checkpointer import Checkpointer, nothing_lost
from tellapart.runs.folder import RunFolder, new_run_folder
from tellapart.runs.predictions import SplitPredictions, save_predictions
from tellapart.runtime.allocator import memory_kept
from tellapart.runtime.power import EnergyMeter
from tellapart.runtime.precision import resolve
from tellapart.runtime.threads import threads_for
from tellapart.training.loader import DataLoader
from tellapart.training.loop import reached, run_epochs

SMALLEST_SIDE = 16
"""Pixels. Smaller pictures are enlarged by a whole factor to at least this."""

LARGEST_SIDE = 64
"""Pixels. Larger pictures, and photos of mixed sizes, are brought to this, unless the run says otherwise."""

FEWEST_HELD_OUT = 20
"""Pictures from which the card tells what confidence is worth and what is unfamiliar."""


@dataclass(frozen=True, slots=True)
class TrainingSetup:
    """Everything a training needs before its first step."""

    run: TrainConfig
    folder: RunFolder
    source: Dataset
    """Divided into train, validation (where the run holds some out) and test."""

    preprocessing: Preprocessing
    stores: Mapping[str, ImageStore]
    """By split."""

    precision: str
    """What the run's precision means on this machine."""

    resumes: bool = False

    @property
    def validation(self) -> ImageStore:
        """The pictures that score each epoch."""
        return self.stores["test" if self.run.validation == "test" else "validation"]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training gives back."""

    classifier: Classifier
    folder: Path
    history: tuple[EpochDone, ...]
    finished: bool
    """False where the training was asked to stop before its end; go on with `resume=folder`."""

    scores: Scores | None = None
    """On the test split, at the end; None where the training did not finish."""

    plain_scores: Scores | None = None
    """The same without test-time views, where the run has some."""

    shown: tuple[Shown, ...] = ()
    """Some test pictures with their predictions, as on predictions.png."""

    report: Path | None = None
    """The page about it all; None where the training did not finish, or the page could not be written."""


class Listener:
    """Is told what happens in a training. Every method does nothing until somebody overrides it."""

    def prepared(self, prepared: TrainingSetup, model: Any) -> None:
        """All is ready; the first step comes next."""

    def event(self, event: Event) -> None:
        """A step or an epoch is done, or the training stops."""

    def downloading(self, done: int, total: int) -> None:
        """Bytes of the data set have arrived."""

    def decoding(self, done: int, total: int) -> None:
        """Pictures of a split have been read."""

    def scoring(self, done: int, total: int) -> None:
        """Test pictures have been scored."""

    def comparing(self, done: int, total: int) -> None:
        """Training pictures have been compared with the mistakes that a report shows."""

    def looking(self, done: int, total: int) -> None:
        """Training pictures have been looked at, for an explanation."""

    def explaining(self, done: int, total: int) -> None:
        """Sections of the pages that explain pictures have been made."""


def prepare(
    source: Dataset,
    run: TrainConfig,
    out: str | Path | None,
    reopening: Mapping[str, str],
    listener: Listener,
) -> TrainingSetup:
    """Divide the pictures, read them, and make the run folder.

    Args:
        source: as opened.
        run: complete.
        out: the folder to make, or None for a dated one.
        reopening: what opens `source` again; empty for arrays in memory.
        listener: is told of the pictures read.
    """
    held_out = run.validation_share if run.validation == "held out" else 0.0
    source = divide(source, validation=held_out, test=run.test_share, seed=run.seed)
    preprocessing = preprocessing_for(source, run)
    refuse_small_pictures(preprocessing.shape)
    stores = load_stores(source, preprocessing, run, listener)
    folder = new_run_folder(out, source.name, run.recipe)
    prepared = TrainingSetup(run, folder, source, preprocessing, stores, resolve(run.precision))
    with nothing_lost(folder):
        folder.write_settings(run, describe_data(prepared, reopening), torch.get_num_threads())
        write_split_csv(source, folder.split)
    return prepared


def prepare_again(
    folder: RunFolder, source: Dataset, run: TrainConfig, data: Mapping[str, Any], listener: Listener
) -> TrainingSetup:
    """Prepare a run that was stopped, on the very same pictures.

    Raises:
        DataError: the pictures are not those of the run any more.
    """
    source = apply_split(source, read_split_csv(folder.split))
    preprocessing = Preprocessing.from_dict(data["pixel_path"])
    stores = load_stores(source, preprocessing, run, listener)
    changed = [name for name, store in stores.items() if store.fingerprint() != data["fingerprints"][name]]
    if changed:
        raise DataError(
            f"{source.where}: the {' and '.join(changed)} pictures are not those that the run began with. "
            "Restore them, or start a new training."
        )
    return TrainingSetup(run, folder, source, preprocessing, stores, data["precision"], resumes=True)


def load_stores(
    source: Dataset, preprocessing: Preprocessing, run: TrainConfig, listener: Listener
) -> dict[str, ImageStore]:
    """Read every split that the run uses."""
    used = [name for name in source.splits if name != "validation" or run.validation == "held out"]
    return {name: load_split(source.splits[name], preprocessing, progress=listener.decoding) for name in used}


def preprocessing_for(source: Dataset, run: TrainConfig) -> Preprocessing:
    """The size that pictures are brought to: the run's, or their own where that suits a small network."""
    height, width, channels = source.picture_shape or (LARGEST_SIDE, LARGEST_SIDE, 3)
    if run.size is not None:
        height, width = run.size
    elif max(height, width) > LARGEST_SIDE:
        height = width = LARGEST_SIDE
    elif min(height, width) < SMALLEST_SIDE:
        factor = -(-SMALLEST_SIDE // min(height, width))
        height, width = factor * height, factor * width
    return Preprocessing(height=height, width=width, channels=channels, policy=run.policy)


def describe_data(prepared: TrainingSetup, reopening: Mapping[str, str]) -> dict[str, Any]:
    """The data as run.toml records it."""
    source, stores = prepared.source, prepared.stores
    return {
        "name": source.name,
        "where": source.where,
        "class_names": list(source.class_names),
        "pictures": {name: len(store) for name, store in stores.items()},
        "left_out": {name: [refused.id for refused in store.refused] for name, store in stores.items()},
        "fingerprints": {name: store.fingerprint() for name, store in stores.items()},
        "pixel_path": prepared.preprocessing.to_dict(),
        "precision": prepared.precision,
        **reopening,
    }


def run_training(
    prepared: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]
) -> TrainingResult:
    """Train to the end, or until somebody asks to stop; then score on the test split.

    Raises:
        TellapartError: the loss is no number any more.
        SaveError: the disk is full.
    """
    with nothing_lost(prepared.folder):
        return _train(prepared, listener, should_stop)


def _train(prepared: TrainingSetup, listener: Listener, should_stop: Callable[[], bool]) -> TrainingResult:
    run, classes = prepared.run, len(prepared.source.class_names)
    train = prepared.stores["train"]
    batches = BatchSampler(
        n=len(train), batch_size=run.batch_size, seed=run.seed, rows_per_epoch=run.pictures_per_epoch
    )
    model = build_model(run, prepared.preprocessing.shape, classes, batches.steps_per_epoch, train.images)
    net = lower(model, prepared.precision)
    feed = DataLoader(train, classes, batches, run.augmentation, net.device, run.mixing)
    card = ModelCard(prepared.source.class_names, prepared.preprocessing, _origin(prepared), run.views)
    classifier = Classifier.of_model(model, card)
    checkpointer = Checkpointer(run, prepared.folder, model, resumes=prepared.resumes)
    step = build_step(run, net, run.epochs * batches.steps_per_epoch)

    def validate() -> Validation:
        validation = prepared.validation
        answers = classifier.probabilities(validation.images, views=1, precision=prepared.precision)
        return validated(answers, validation.labels)

    energy, began = EnergyMeter(), time.monotonic()
    with memory_kept():
        with threads_for(run.batch_size * count_flops(model).step):
            threads = torch.get_num_threads()
            listener.prepared(prepared, model)
            for event in run_epochs(
                step, feed, validate, checkpointer.state, run.epochs, should_stop, run.target
            ):
                prepared.folder.listen(event)
                checkpointer.event(event)
                listener.event(event)
                energy.look_at_times()
        checkpointer.take_kept_weights()
        finish_model(run, model)
        history = tuple(checkpointer.state.history)
        cost = {"seconds": time.monotonic() - began, "joules": energy.joules, "threads": threads}
        prepared.folder.log("Cost", cost)
        if checkpointer.state.epoch < run.epochs and not reached(history, run.target):
            classifier.save(prepared.folder.model)
            return TrainingResult(classifier, prepared.folder.path, history, finished=False)
        held_out = _calibrate(prepared, classifier)
        classifier.save(prepared.folder.model)
        return _finish(prepared, classifier, history, held_out, listener)


def _calibrate(prepared: TrainingSetup, classifier: Classifier) -> dict[str, SplitPredictions]:
    """Note on the model's card what held-out pictures tell: by what its confidence is off, and what is unfamiliar."""
    if prepared.run.validation == "test":
        return {}
    store = prepared.stores["validation"]
    found = classifier.probabilities(store.images, precision=prepared.precision)
    answers = {"validation": SplitPredictions(found, store.labels, store.ids)}
    if len(store) < FEWEST_HELD_OUT:
        return answers
    limit = limit_of(Recorder(classifier.model, classifier.net.head), store.images)
    temperature = fit_temperature(found, store.labels)
    classifier.card = replace(classifier.card, temperature=temperature, energy_limit=limit)
    return answers


def _finish(
    prepared: TrainingSetup,
    classifier: Classifier,
    history: tuple[EpochDone, ...],
    held_out: dict[str, SplitPredictions],
    listener: Listener,
) -> TrainingResult:
    """Score the test split, once, keep what was answered, and show some of its pictures."""
    test, names, folder = prepared.stores["test"], prepared.source.class_names, prepared.folder
    found = classifier.answers(test.images, listener.scoring, precision=prepared.precision)
    save_predictions(
        folder.answers, held_out | {"test": SplitPredictions(found.averaged, test.labels, test.ids)}
    )
    scores, plain = score(found.averaged, test.labels, names, "test"), None
    folder.log("Scored", scores.to_dict())
    if prepared.run.views > 1:
        plain = score(found.plain, test.labels, names, "test")
        folder.log("ScoredWithoutViews", plain.to_dict())
    shown = pictures_to_show(classifier, test, prepared.run)
    if shown:
        save_picture_grid(shown, folder.predictions)
    return TrainingResult(classifier, folder.path, history, True, scores, plain, shown)


def pictures_to_show(classifier: Classifier, test: ImageStore, run: TrainConfig) -> tuple[Shown, ...]:
    """A seeded choice of test pictures with their predictions."""
    count = min(run.predictions, len(test))
    rows = np.sort(np.random.default_rng(run.seed).choice(len(test), count, replace=False))
    if not count:
        return ()
    images = test.images[rows]
    predictions = ranked(
        classifier.probabilities(images), [test.ids[row] for row in rows], classifier.class_names, top=None
    )
    truths = [classifier.class_names[test.labels[row]] for row in rows]
    return tuple(map(Shown, images, predictions, truths))


def _origin(prepared: TrainingSetup) -> dict[str, Any]:
    """Where the model comes from, for people who find only the file."""
    return {
        "tellapart": __version__,
        "recipe": prepared.run.recipe,
        "epochs": prepared.run.epochs,
        "seed": prepared.run.seed,
        "data": prepared.source.name,
    }
