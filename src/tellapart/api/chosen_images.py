"""Chosen images: which labeled images a command about a model means, a run's own or those that are given.

A run folder knows its own splits. Where it is given its own data again, its split is meant, not images that it was
trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tellapart.api.listener import Listener
from tellapart.api.load import run_folder_of
from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.resolve import display_name
from tellapart.data.dataset import Dataset
from tellapart.data.open import open_dataset, opens_the_same, reopening
from tellapart.data.recorded import open_recorded
from tellapart.data.sources.catalog import find_known
from tellapart.data.sources.label_choice import labels_from, with_several
from tellapart.errors import ConfigError
from tellapart.runs.event_log import read_log
from tellapart.runs.folder import LOG, RunFolder
from tellapart.runs.untrusted_pictures import NONE_KNOWN, UntrustedPictures, untrusted_in


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """Labeled images, and what a reader must know about them."""

    dataset: Dataset
    split: str
    name: str
    """What the split is called in the scores."""

    note: str = ""
    fingerprints: Mapping[str, str] | None = None
    """By split, as they were when the model was trained."""

    untrusted: UntrustedPictures = NONE_KNOWN
    """Of a run's own test images, those whose result says nothing."""


def run_of(model: Classifier | str | Path) -> RunFolder | None:
    """Return the run folder that a model is given by; None for a classifier, a model file or a built-in model."""
    folder = run_folder_of(model)
    return None if folder is None else RunFolder(folder)


def saved_settings(model: Classifier | str | Path) -> Mapping[str, Any]:
    """Return what a run folder records of its data; nothing for a model that is none.

    Raises:
        ConfigError: its settings are damaged.
    """
    run = run_of(model)
    return {} if run is None else run.read_settings()[1]


def choose_images(
    model: Classifier | str | Path,
    card: ModelCard,
    data: Any,
    labels: Any,
    split: str | None,
    listener: Listener,
) -> ImageChoice:
    """Choose the images: a run's own split of its own data, else a split of what is given.

    Args:
        model: as somebody named it.
        card: of the model.
        data: as for `open_dataset`; None: the run's own.
        labels: as for `open_dataset`.
        split: "train", "validation" or "test"; None: "test", or all where the data has no splits.
        listener: hears of the bytes fetched.

    Raises:
        ConfigError: no data given, and the model is no run folder with data of its own.
        DataError: images or labels that cannot be used.
    """
    run, saved = run_of(model), saved_settings(model)
    if data is None and "argument" not in saved:
        raise ConfigError(_nothing_to_score(model, run, card.origin.get("data", "")))
    name = split or "test"
    is_own = data is None or opens_the_same(reopening(data, labels), saved)
    if run is not None and is_own:
        data, labels = saved["argument"], labels_from(saved)
    opened = partial(
        open_dataset,
        download=True,
        progress=listener.downloading,
        for_training=False,
        known_classes=card.class_names if card.named else (),
    )
    if run is not None and is_own:
        own = open_recorded(
            lambda data, labels: opened(data, labels=labels), data, labels, run.read_split(saved), only=name
        )
        untrusted = untrusted_in(read_log(run.path / LOG)[0]) if name == "test" else NONE_KNOWN
        return ImageChoice(own, name, name, fingerprints=saved["fingerprints"], untrusted=untrusted)
    dataset = opened(data, labels=with_several(labels) if card.multi_label else labels)
    if split is None and set(dataset.splits) == {"train"}:
        note = (
            "This data has no test split, so all of it is scored. If the model was trained on some of these "
            "pictures, the score is too good."
        )
        return ImageChoice(dataset, "train", "all", note)
    return ImageChoice(dataset, name, name)


def _nothing_to_score(model: Classifier | str | Path, run: RunFolder | None, trained_on: str) -> str:
    if isinstance(model, Classifier):
        return "Nothing to score: give a known data set's name, a folder of labeled pictures, or arrays."
    if run is not None:
        return (
            f"{model} was trained on arrays in memory, which are gone. "
            f"Give pictures: tellapart evaluate {model} DATA"
        )
    name = display_name(model)
    example = "DATA" if find_known(trained_on) is None else trained_on
    return (
        f"The model {name} has no test pictures of its own. Name the data to score it on, a known data set or a "
        f"folder of labeled pictures: tellapart evaluate {name} {example}"
    )
