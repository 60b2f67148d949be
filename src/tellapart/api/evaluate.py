"""Evaluation: which pictures may score a model, so that the number is an honest one.

A run folder knows its own test pictures. Where it is given its own data again,
those are scored, and not pictures that it was trained on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.api.listener import Listener
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.resolve import named
from tellapart.data.open import Dataset
from tellapart.data.sources.catalog import find_known
from tellapart.data.split import apply_split, read_split_csv
from tellapart.data.store import load_split
from tellapart.errors import ConfigError
from tellapart.metrics.scores import Scores
from tellapart.runs.folder import RunFolder

Opener = Callable[[Any, Any], Dataset]
"""(data, labels) -> labelled pictures."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's scores, and what they are scores of."""

    scores: Scores
    data: str
    """The data's name."""

    where: str
    """Its place."""

    note: str = ""
    """What a reader must know about the choice of pictures; often nothing."""

    plain_scores: Scores | None = None
    """The same without test-time views, where the model has some."""

    views: int = 1
    """Of each picture that `scores` is about."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "data": self.data,
            "where": self.where,
            "note": self.note,
            "scores": self.scores.to_dict(),
            "scores_without_views": None if self.plain_scores is None else self.plain_scores.to_dict(),
        }


def evaluate_model(
    model: Path,
    data: Any,
    reopening: Mapping[str, str],
    split: str | None,
    labels: Any,
    opened: Opener,
    listener: Listener,
    precision: str | None = None,
) -> Evaluation:
    """Score a run folder or a model file.

    Args:
        model: the folder or file.
        data: anything that `open_dataset` opens; None for a run folder's own.
        reopening: what would open `data` again, as run.toml records it.
        split: "train", "validation" or "test"; None for the test split, or everything where data is undivided.
        labels: CSV of a folder without class folders.
        opened: opens data.
        listener: is told of the pictures read and scored.
        precision: as in `Classifier.probabilities`; None: for a run folder that of its training, which scored
            in it, and else float32.

    Raises:
        ConfigError: no data given, and the model is no run folder.
        DataError: pictures or labels that cannot be used.
        ModelError: not a model.
    """
    run = RunFolder(model) if (model / "run.toml").is_file() else None
    saved = {} if run is None else run.read_settings()[1]
    precision = precision or saved.get("precision", "float32")
    classifier = Classifier.load(model)
    if data is None and "argument" not in saved:
        raise ConfigError(_nothing_to_score(model, run, classifier.card.origin.get("data", "")))
    if run is not None and (data is None or reopening.get("argument") == saved.get("argument", "")):
        source = opened(saved["argument"], saved.get("labels"))
        source = apply_split(source, read_split_csv(run.split))
        known = saved["fingerprints"]
        return _scored(classifier, source, split or "test", listener, precision, fingerprints=known)
    source = opened(data, labels)
    if split is None and set(source.splits) == {"train"}:
        note = (
            "The data is not divided: all its pictures are scored. Were some trained on, the score flatters."
        )
        return _scored(classifier, source, "train", listener, precision, called="all", note=note)
    return _scored(classifier, source, split or "test", listener, precision)


def _scored(
    classifier: Classifier,
    source: Dataset,
    split: str,
    listener: Listener,
    precision: str,
    *,
    called: str | None = None,
    note: str = "",
    fingerprints: dict[str, str] | None = None,
) -> Evaluation:
    store = load_split(source.part(split), classifier.card.preprocessing, progress=listener.decoding)
    if fingerprints is not None and fingerprints.get(split, store.fingerprint()) != store.fingerprint():
        note = f"The {split} pictures have changed since the training: the score is not the training's."
    if store.refused:
        left_out = f"{len(store.refused)} unreadable picture{'s' * (len(store.refused) != 1)}"
        note = f"{note} Left out: {left_out} ({store.refused[0].reason}).".strip()
    if classifier.takes_names_of(source.class_names):
        names = ", ".join(source.class_names[:5]) + (", ..." if len(source.class_names) > 5 else "")
        note = f"{note} The model file has no class names: its outputs are taken in the data's order ({names}).".strip()
    scores, plain = classifier.score(store, source.class_names, called or split, listener.scoring, precision)
    views = classifier.card.views
    return Evaluation(scores, source.name, source.where, note, plain if views > 1 else None, views)


def _nothing_to_score(model: Path, run: RunFolder | None, trained_on: str) -> str:
    if run is not None:
        return (
            f"{model} was trained on arrays in memory, which are gone. "
            f"Give pictures: tellapart evaluate {model} DATA"
        )
    name = named(model)
    example = "DATA" if find_known(trained_on) is None else trained_on
    return (
        f"{name} is a model; say which pictures it shall be scored on, too (only a run folder knows its own). "
        f"Name a known set or a folder of labelled pictures: tellapart evaluate {name} {example}"
    )
