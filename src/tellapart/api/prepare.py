"""From labeled images and a configuration to a training's setup: split, read, and make the run folder."""

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from tellapart.api.listener import Listener
from tellapart.api.own_model import OwnGiven, prepared_again
from tellapart.api.repeat import extended, notice_of, record_extension
from tellapart.api.streamed import refuse_for_shards
from tellapart.classifier.backbone_choice import BackboneChoice, OpenBackbone, choose_backbone
from tellapart.data.dataset import Dataset
from tellapart.data.multi_label import class_counts
from tellapart.data.preprocess import Preprocessing
from tellapart.data.recorded import open_recorded
from tellapart.data.sources.label_choice import labels_from, with_several
from tellapart.data.split import divide, write_split_csv
from tellapart.data.store import MEMORY_BUDGET, ImageStore, bytes_of, load_split, refuse_small_images
from tellapart.errors import ConfigError, DataError
from tellapart.events import Progress
from tellapart.models.first_cnn import check_image_size
from tellapart.recipes.class_weights import resolved
from tellapart.recipes.config import TrainConfig
from tellapart.runs.checkpointer import recoverable
from tellapart.runs.folder import RunFolder, existing_run_folder
from tellapart.runs.lock import locked
from tellapart.runs.new_folder import new_run_folder
from tellapart.runs.own_run import OwnRun, save_start
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.precision import resolve
from tellapart.runtime.team import Team

SMALLEST_SIDE = 16
"""Pixels. Smaller images are enlarged by a whole factor to at least this."""

CLASSES_NAMED = 5
"""In an error, before the others are counted."""

LARGEST_SIDE = 64
"""Pixels. Larger images, and photos of mixed sizes, are brought to this, unless the configuration says otherwise."""


def prepare(
    dataset: Dataset,
    config: TrainConfig,
    out: str | Path | None,
    reopening: Mapping[str, Any],
    listener: Listener,
    held: ExitStack,
    reason: str = "",
    memory_bytes: int = MEMORY_BUDGET,
    own: OwnRun | None = None,
    team: Team | None = None,
) -> TrainingSetup:
    """Split the images, read them, and make the run folder.

    Args:
        dataset: as opened.
        config: complete.
        out: the folder to make, or None for a dated one.
        reopening: what opens `dataset` again; empty for arrays in memory.
        listener: hears of the images read.
        held: gets the folder's lock.
        reason: why the recipe was chosen, where nobody named it.
        memory_bytes: of decoded images; more lie in a file.
        own: the Keras model that somebody gave.
        team: of this process; None: it trains alone.
    """
    for words in dataset.notices:
        listener.notice(words)
    refuse_small_images(dataset.image_shape, dataset.where)
    refuse_for_shards(dataset, config)
    held_out = config.validation_share if config.validation == "held out" else 0.0
    keep = 1 if config.head is None else 2
    dataset = divide(dataset, validation=held_out, test=config.test_share, seed=config.seed, keep=keep)
    if config.head is not None:
        refuse_single_images(dataset, dataset.splits["train"].labels)
    preprocessing = preprocessing_for(dataset, config, own)
    if own is None:
        check_image_size(preprocessing.shape)
    backbone, stores = open_and_load(dataset, preprocessing, config, listener, memory_bytes)
    if config.head is not None:
        refuse_single_images(dataset, stores["train"].labels)  # some could not be read
    config = with_class_weights(config, dataset, stores["train"].labels)
    folder = new_run_folder(out, dataset.name, config.recipe, held)
    precision = resolve(config.precision)
    setup = TrainingSetup(
        config, folder, dataset, preprocessing, stores, precision,
        backbone=backbone, team=team, own=own, reason=reason,
    )  # fmt: skip
    with recoverable(folder):
        if own is not None:
            save_start(own.ready.model, folder.path)
        write_split_csv(dataset, folder.split)
        folder.write_settings(config, describe_data(setup, reopening), torch.get_num_threads())
    return setup


def with_class_weights(config: TrainConfig, dataset: Dataset, labels: NDArray[Any]) -> TrainConfig:
    """Return the configuration with a weight for each class of the data, where it has weights.

    Args:
        config: complete.
        dataset: divided.
        labels: (N,) of the training images.

    Raises:
        ConfigError: the weights name a class that the data does not have.
    """
    if config.class_weight is None:
        return config
    counts = (
        class_counts(labels, len(dataset.class_names))
        if dataset.shards is None
        else dataset.counts_of("train")
    )
    return config.changed(class_weight=resolved(config.class_weight, dataset.class_names, counts))


def refuse_single_images(dataset: Dataset, labels: NDArray[Any]) -> None:
    """Raise if a class has less than two training images, with which nothing could be checked.

    Args:
        dataset: divided.
        labels: (N,) of the training images; or (N, classes) of 0 and 1, where a picture may have several.

    Raises:
        DataError: naming the classes.
    """
    counts = class_counts(labels, len(dataset.class_names))
    few = [index for index, count in enumerate(counts) if count < 2]
    if not few:
        return
    names = ", ".join(dataset.class_names[index] for index in few[:CLASSES_NAMED])
    more = f" and {len(few) - CLASSES_NAMED} more" if len(few) > CLASSES_NAMED else ""
    most, least = counts[few].max(), counts[few].min()
    has = "no training picture" if not most else f"{'only' if least else 'at most'} one training picture"
    needed = "two" if "test" not in dataset.carved else "three (one is kept for testing)"
    raise DataError(
        f"{dataset.where}: {names}{more} {'has' if len(few) == 1 else 'have'} {has}, so that nothing could be checked. "
        f"Add pictures until each class has at least {needed}, or remove the class."
    )


def prepare_again(
    resume: str | Path,
    data: Any,
    labels: Any,
    opened: Callable[[Any, Any], Dataset],
    changes: Mapping[str, Any],
    listener: Listener,
    held: ExitStack,
    memory_bytes: int = MEMORY_BUDGET,
    own_given: OwnGiven | None = None,
    team: Team | None = None,
) -> TrainingSetup:
    """Prepare a run that was stopped, or is to go on past its planned end, on the very same images.

    Args:
        resume: its folder.
        data: the images, where they have moved or were arrays; None: those of the run.
        labels: of `data`.
        opened: opens data and labels.
        changes: settings that somebody gave; a resumed run takes none but its epochs, in all.
        listener: hears of the images read.
        held: gets the folder's lock.
        memory_bytes: of decoded images; more lie in a file.
        own_given: of a model of somebody's own: itself, and its callbacks.
        team: of this process; None: it trains alone.

    Raises:
        ConfigError: settings were given, another training holds the folder, or the run's images are gone with the
            memory that held them.
        DataError: the images are not those of the run any more.
    """
    folder = existing_run_folder(resume)
    config, saved = folder.read_settings()
    held.enter_context(locked(folder.path))
    folder.remove_litter()
    if others := [name for name, value in changes.items() if value is not None and name != "epochs"]:
        raise ConfigError(
            f"A resumed run keeps its settings ({folder.path}/run.toml); only its epochs can be raised. Leave out "
            f"{' and '.join(others).replace('_', ' ')}, or begin a new run with: tellapart train --config {folder.path}"
        )
    longer = None if changes.get("epochs") is None else extended(folder, config, changes["epochs"])
    own = prepared_again(own_given or OwnGiven(), folder.path, saved, config)
    data, labels = _data_again(folder, saved, data, labels)
    dataset, preprocessing, backbone, stores = opened_again(
        config, saved, folder.read_split(saved), data, labels, opened, listener, memory_bytes
    )
    if dataset.shards is not None and dataset.shards.fingerprint() != saved.get("shards"):
        raise DataError(f"{dataset.where}: the shards are not those that the run began with. Restore them.")
    recorded = saved["fingerprints"]
    if changed := [name for name, store in stores.items() if store.fingerprint() != recorded[name]]:
        raise DataError(
            f"{dataset.where}: the {' and '.join(changed)} pictures are not those that the run began with. "
            "Restore them, or start a new training."
        )
    if backbone is not None and backbone.origin != saved.get("backbone", backbone.origin):
        raise ConfigError(
            f"The backbone {config.backbone} is not the one that the run began with: its file has changed. Restore it, "
            "or start a new training."
        )
    if longer is not None and longer != config:
        listener.notice(notice_of(folder, longer))
        record_extension(folder, longer)
        config = longer
    precision = saved.get("precision") or resolve(config.precision)
    return TrainingSetup(
        config, folder, dataset, preprocessing, stores, precision,
        backbone=backbone, team=team, own=own, resumes=True,
    )  # fmt: skip


def opened_again(
    config: TrainConfig,
    saved: Mapping[str, Any],
    recorded: Mapping[str, tuple[str, str]],
    data: Any,
    labels: Any,
    opened: Callable[[Any, Any], Dataset],
    listener: Listener,
    memory_bytes: int,
) -> tuple[Dataset, Preprocessing, OpenBackbone | None, dict[str, ImageStore]]:
    """Open and read the images that a run recorded, and its backbone.

    Args:
        config: of the run.
        saved: what its run.toml says of its data.
        recorded: id of each image -> (class name, split).
        data: as for `open_dataset`.
        labels: as for `open_dataset`.
        opened: opens data and labels.
        listener: hears of the images read.
        memory_bytes: of decoded images; more lie in a file.
    """
    dataset = open_recorded(opened, data, _as_then(labels, config), recorded)
    for words in dataset.notices:
        listener.notice(words)
    preprocessing = Preprocessing.from_dict(saved["preprocessing"])
    return dataset, preprocessing, *open_and_load(dataset, preprocessing, config, listener, memory_bytes)


def _data_again(folder: RunFolder, saved: Mapping[str, Any], data: Any, labels: Any) -> tuple[Any, Any]:
    """Return data and labels as given, or those of the run.

    Raises:
        ConfigError: the run's were in memory, or labels are given without data.
    """
    if data is not None:
        return data, labels
    if "argument" not in saved:
        raise ConfigError(f"{folder.path} was trained on arrays in memory: give them again to resume.")
    if labels is not None:
        raise ConfigError(
            "A resumed run has the labels of its data. Leave out the labels, or give the data too."
        )
    return saved["argument"], labels_from(saved)


def _as_then(labels: Any, config: TrainConfig) -> Any:
    """Return labels that are given again, of the kind that the run had."""
    return with_several(labels) if config.multi_label else labels


class _CancelledError(Exception):
    """The images are not needed any more."""


def open_and_load(
    dataset: Dataset,
    preprocessing: Preprocessing,
    config: TrainConfig,
    listener: Listener,
    memory_bytes: int = MEMORY_BUDGET,
) -> tuple[OpenBackbone | None, dict[str, ImageStore]]:
    """Open the configured backbone and read every split that the training uses, at the same time.

    Starting Keras computes on one core. Where the backbone must be downloaded first, or cannot be opened, no image is
    read for it.
    """
    if config.backbone is None:
        return None, load_stores(dataset, preprocessing, config, listener.decoding, memory_bytes)
    choice = choose_backbone(config.backbone, config.size)
    if notice := choice.notice(preprocessing.height, preprocessing.width):
        backbone = open_backbone(choice, preprocessing, listener, notice)
        return backbone, load_stores(dataset, preprocessing, config, listener.decoding, memory_bytes)
    needed = True

    def decoding(done: int, total: int) -> None:
        if not needed:
            raise _CancelledError
        listener.decoding(done, total)

    with ThreadPoolExecutor(1) as reader:
        stores = reader.submit(load_stores, dataset, preprocessing, config, decoding, memory_bytes)
        try:
            backbone = open_backbone(choice, preprocessing, listener)
        except BaseException:
            needed = False
            raise
        return backbone, stores.result()


def open_backbone(
    choice: BackboneChoice, preprocessing: Preprocessing, listener: Listener, notice: str = ""
) -> OpenBackbone:
    """Open a backbone.

    Args:
        choice: which.
        preprocessing: the images that it will read.
        listener: is told beforehand what will be downloaded, or what is assumed.
        notice: that, in words.
    """
    if notice:
        listener.notice(notice)
    return choice.open(preprocessing.height, preprocessing.width, listener.downloading)


def load_stores(
    dataset: Dataset,
    preprocessing: Preprocessing,
    config: TrainConfig,
    progress: Progress,
    memory_bytes: int = MEMORY_BUDGET,
) -> dict[str, ImageStore]:
    """Read every split that the training uses.

    Args:
        dataset: divided.
        preprocessing: of the network.
        config: of the training.
        progress: called with (images read, images of the split).
        memory_bytes: that all splits have together; the smallest ones come into memory, the others lie in files.
    """
    used = [name for name in dataset.splits if name != "validation" or config.validation == "held out"]
    sizes = {name: bytes_of(dataset.splits[name], preprocessing) for name in used}
    budgets, left = dict.fromkeys(used, 0), memory_bytes
    for name in sorted(used, key=sizes.__getitem__):
        if sizes[name] <= left:
            budgets[name] = sizes[name]
            left -= sizes[name]
    return {
        name: load_split(
            dataset.splits[name], preprocessing, memory_budget_bytes=budgets[name], progress=progress
        )
        for name in used
    }


def preprocessing_for(dataset: Dataset, config: TrainConfig, own: OwnRun | None = None) -> Preprocessing:
    """Choose the network's input: a given model's or a backbone's own; else the configured size, or the images' where
    that is moderate."""
    if own is not None:
        height, width, channels = own.ready.shape
        return Preprocessing(
            height=height, width=width, channels=channels, policy=config.policy, reading="fast"
        )
    if config.backbone is not None:
        its = choose_backbone(config.backbone, config.size).preprocessing
        height, width = config.size or (its.height, its.width)
        return dataclasses.replace(its, height=height, width=width, policy=config.policy, reading="fast")
    height, width, channels = dataset.image_shape or (LARGEST_SIDE, LARGEST_SIDE, 3)
    if config.size is not None:
        height, width = config.size
    elif max(height, width) > LARGEST_SIDE:
        height = width = LARGEST_SIDE
    elif min(height, width) < SMALLEST_SIDE:
        factor = -(-SMALLEST_SIDE // min(height, width))
        height, width = factor * height, factor * width
    return Preprocessing(height=height, width=width, channels=channels, policy=config.policy, reading="fast")


def describe_data(setup: TrainingSetup, reopening: Mapping[str, str]) -> dict[str, Any]:
    """Return the data as run.toml records it."""
    dataset, stores = setup.dataset, setup.stores
    return {
        "name": dataset.name,
        "where": dataset.where,
        "class_names": list(dataset.class_names),
        "pictures": setup.pictures,
        "left_out": {name: [image.id for image in store.unreadable] for name, store in stores.items()},
        "fingerprints": {name: store.fingerprint() for name, store in stores.items()},
        "preprocessing": setup.preprocessing.to_dict(),
        "precision": setup.precision,
        **({} if setup.backbone is None else {"backbone": dict(setup.backbone.origin)}),
        **({} if setup.own is None else {"own": setup.own.to_dict()}),
        **({} if dataset.shards is None else {"shards": dataset.shards.fingerprint()}),
        **reopening,
    }
