"""The watch over a training: what its rules know of the images, and the sentences it says."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from tellapart.data.copies import copies_among
from tellapart.events import EpochDone, Event, Finding, FindingKind, HeadFitted
from tellapart.keras_backend import import_keras
from tellapart.recipes.config import TrainConfig
from tellapart.runs.course import course_of
from tellapart.runs.setup import TrainingSetup
from tellapart.text import counted, one_line
from tellapart.training.watch.course import Chance, chance_of
from tellapart.training.watch.learning import labels_not_learned_by_head
from tellapart.training.watch.vitals import Vitals
from tellapart.training.watch.watch import RULES, RULES_OF_CURVES, Watch

LONGEST_NAME = 60

FEWEST_COPIED = 0.01
"""Share of a split's images that are copies of training images, from which on its score says too much."""


def watch_over(setup: TrainingSetup, config: TrainConfig, model: Any, history: Sequence[EpochDone]) -> Watch:
    """Return the watch over a training in epochs; what the run's log has told is not told again.

    Args:
        setup: of the run.
        config: of the training in epochs.
        model: as it is trained.
        history: epochs that are finished.
    """
    keras = import_keras()
    normalizes = any(
        isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in model.layers
    )
    course = course_of(
        config,
        len(setup.validation),
        chance=_chance(setup, config),
        statistics_over=min(config.statistics_over or config.batch_size, config.batch_size)
        if normalizes
        else None,
        history=list(history),
    )
    return Watch(course, _kinds_told(setup), RULES if config.head is None else RULES_OF_CURVES)


def with_findings(
    events: Iterable[Event], watch: Watch, look: Callable[[], Vitals | None] = lambda: None
) -> Iterator[Event]:
    """Yield the events of a training, and after each epoch what the watch finds.

    Args:
        events: of the training.
        watch: over it.
        look: measures the vital signs after an epoch.
    """
    for event in events:
        yield event
        if isinstance(event, EpochDone):
            yield from watch.after(event, look())


def findings_of_data(setup: TrainingSetup) -> Iterator[Finding]:
    """Yield what is wrong before the first step: images of one split that are in another too."""
    counts: dict[str, list[str]] = {}
    examples = []
    for name, base in _COMPARED:
        if name not in setup.stores or base not in setup.stores:
            continue
        store, other = setup.stores[name], setup.stores[base]
        copies = copies_among(store.images, other.images)
        if copies and len(copies) >= FEWEST_COPIED * len(store):
            subject = f"{len(copies):,} of {counted(len(store), f'{name} picture')}"
            counts.setdefault(_OF[base], []).append(subject)
            row, first = next(iter(copies.items()))
            examples.append(f"{_short(store.ids[row])} = {_short(other.ids[first])}")
    if counts and "data leak" not in _kinds_told(setup):
        copied = ", and ".join(
            f"of {base} pictures: {' and '.join(subjects)}" for base, subjects in counts.items()
        )
        yield Finding(
            "data leak",
            None,
            None,
            f"exact copies (after resizing) {copied}, such as {examples[0]}",
            "Remove the duplicates: they inflate the score",
        )


_COMPARED = (("validation", "train"), ("test", "train"), ("test", "validation"))
_OF = {"train": "training", "validation": "validation"}


def _short(name: str) -> str:
    """Return a picture's name, harmless and not too long."""
    name = one_line(name)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 2]}…{name[-LONGEST_NAME // 2 :]}"


def findings_of_head(setup: TrainingSetup, fitted: HeadFitted) -> Iterator[Finding]:
    """Yield what is wrong with a head that was fitted to a frozen network's features."""
    finding = labels_not_learned_by_head(_chance(setup, setup.config), fitted)
    if finding is not None and finding.kind not in _kinds_told(setup):
        yield finding


def _kinds_told(setup: TrainingSetup) -> set[FindingKind]:
    return {finding.kind for finding in setup.folder.findings()}


def _chance(setup: TrainingSetup, config: TrainConfig) -> Chance:
    train = setup.stores["train"].labels
    return chance_of(
        train,
        setup.validation.labels,
        len(setup.dataset.class_names),
        config.label_smoothing,
        config.pictures_per_epoch or len(train),
    )
