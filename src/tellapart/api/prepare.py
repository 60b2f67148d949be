"""From labeled images to a training's setup: split, read, and make the run folder."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tellapart.api.listener import Listener
from tellapart.data.open import Dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.split import apply_split, divide, read_split_csv, write_split_csv
from tellapart.data.store import ImageStore, load_split
from tellapart.errors import ConfigError, DataError
from tellapart.models.first_cnn import refuse_small_pictures
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import adapted_to, find_recipe, for_target
from tellapart.runs.checkpointer import nothing_lost
from tellapart.runs.folder import RunFolder, existing_run_folder, new_run_folder
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.precision import resolve

if TYPE_CHECKING:
    pass

SMALLEST_SIDE = 16
"""Pixels. Smaller pictures are enlarged by a whole factor to at least this."""


LARGEST_SIDE = 64
"""Pixels. Larger pictures, and photos of mixed sizes, are brought to this, unless the run says otherwise."""


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
        "left_out": {
            name: [unreadable.id for unreadable in store.unreadable] for name, store in stores.items()
        },
        "fingerprints": {name: store.fingerprint() for name, store in stores.items()},
        "pixel_path": prepared.preprocessing.to_dict(),
        "precision": prepared.precision,
        **reopening,
    }


def _run(
    recipe: str | TrainConfig,
    mirrors: bool,
    augment: bool,
    target: float | None,
    changes: dict[str, Any],
    pictures: int,
) -> TrainConfig:
    run = (
        recipe
        if isinstance(recipe, TrainConfig)
        else adapted_to(find_recipe(recipe)(mirrors=mirrors), pictures)
    )
    known = {field.name for field in dataclasses.fields(TrainConfig)}
    if unknown := sorted(set(changes) - known):
        raise ConfigError(f"A run has no setting {', '.join(unknown)}. It has: {', '.join(sorted(known))}.")
    if target is not None:
        run = for_target(run, target, pictures)
    run = run.changed(**changes)
    if run.validation == "test" and changes.get("validation_share") is not None:
        raise ConfigError(
            f"{run.recipe} holds out no pictures for validation: it scores each epoch on the test pictures, as the "
            "tutorial did. Leave the validation share away, or take the recipe quick."
        )
    return run if augment else dataclasses.replace(run, augmentation=None)


def _prepare_again(
    resume: str | Path,
    data: Any,
    labels: Any,
    opened: Callable[[Any, Any], Dataset],
    changes: dict[str, Any],
    listener: Listener,
) -> TrainingSetup:
    folder = existing_run_folder(resume)
    run, saved = folder.read_settings()
    if any(value is not None for value in changes.values()):
        raise ConfigError(
            f"A resumed run keeps its settings ({folder.path}/run.toml). Leave the others away."
        )
    if data is None and "argument" not in saved:
        raise ConfigError(f"{folder.path} was trained on arrays in memory: give them again to resume.")
    source = opened(saved["argument"], saved.get("labels")) if data is None else opened(data, labels)
    return prepare_again(folder, source, run, saved, listener)
