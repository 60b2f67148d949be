"""The watch over a training: what its rules know of the images, and the sentences it says."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.checks.balance import imbalance
from tellapart.checks.quick import Place, QuickCheck, quick_check
from tellapart.data.multi_label import in_words, names_of
from tellapart.events import EpochDone, Event, Finding, FindingKind, HeadFitted
from tellapart.keras_backend import import_keras
from tellapart.recipes.config import TrainConfig
from tellapart.runs.course import course_of
from tellapart.runs.event_log import read_log
from tellapart.runs.folder import LOG
from tellapart.runs.setup import TrainingSetup
from tellapart.runs.untrusted_pictures import EVENT, UntrustedPictures, untrusted_in
from tellapart.text import counted, short_name
from tellapart.training.watch.course import Chance, chance_of
from tellapart.training.watch.learning import labels_not_learned_by_head
from tellapart.training.watch.vitals import Vitals
from tellapart.training.watch.watch import RULES, RULES_OF_CURVES, Watch

FEWEST_COPIED = 0.01
"""Share of a split's images that are copies of training images, from which on its score says too much."""


def watch_over(
    setup: TrainingSetup,
    config: TrainConfig,
    model: Any,
    history: Sequence[EpochDone],
    *,
    knows_chance: bool = True,
) -> Watch:
    """Return the watch over a training in epochs; what the run's log has told is not told again.

    Args:
        setup: of the run.
        config: of the training in epochs.
        model: as it is trained.
        history: epochs that are finished.
        knows_chance: whether the loss is a cross-entropy, which guessing has too.
    """
    keras = import_keras()
    normalizes = any(
        isinstance(layer, keras.layers.BatchNormalization) and layer.trainable for layer in model.layers
    )
    course = course_of(
        config,
        len(setup.validation),
        chance=_chance(setup, config) if knows_chance else None,
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


def look_at_data(setup: TrainingSetup) -> Iterator[Finding]:
    """Yield what is wrong before the first step; keep in the run's log which test images say nothing."""
    checked = quick_check(setup.stores)
    ids = setup.stores["test"].ids
    untrusted = UntrustedPictures(
        *(tuple(ids[row] for row in rows) for rows in (checked.copied("test"), checked.doubtful("test")))
    )
    if untrusted and not untrusted_in(read_log(setup.folder.path / LOG)[0]):
        setup.folder.log(EVENT, untrusted.to_dict())
    told = _kinds_told(setup)
    yield from (finding for finding in findings_of_data(setup, checked) if finding.kind not in told)


def findings_of_data(setup: TrainingSetup, checked: QuickCheck) -> Iterator[Finding]:
    """Yield a finding each for copies between splits, conflicting labels, unequal classes and blank images."""
    yield from _leak(setup, checked)
    if checked.conflicts:
        pairs = checked.conflicts
        names = [
            f"{short_name(setup.stores[place.split].ids[place.row])} ({_label(setup, place)})"
            for place in pairs[0]
        ]
        seen = f"{counted(len(pairs), 'picture')} with the pixels of another and a different label, such as "
        advice = "Correct or remove them: tellapart check lists them"
        yield Finding("conflicting labels", None, None, seen + " = ".join(names), advice)
    classes = setup.dataset.class_names
    equal = setup.config.multi_label  # labels that do not exclude each other need not be equally common
    for finding in () if equal else imbalance(_training_counts(setup), classes):
        advice = "Read the balanced accuracy and each class's recall"
        if not setup.config.is_balanced:
            advice = f"Train with --class-weight balanced to have them count the same. {advice}"
        yield Finding("unequal classes", None, None, finding.seen, advice)
    blank = {name: rows for name, rows in checked.blank.items() if len(rows)}
    if blank:
        subjects = " and ".join(f"{counted(len(rows), f'{name} picture')}" for name, rows in blank.items())
        name, rows = next(iter(blank.items()))
        seen = f"{subjects} of one color, such as {short_name(setup.stores[name].ids[rows[0]])}"
        yield Finding("blank pictures", None, None, seen, "Remove them: they show nothing")


def _leak(setup: TrainingSetup, checked: QuickCheck) -> Iterator[Finding]:
    counts: dict[str, list[str]] = {}
    examples = []
    for (name, base), copies in checked.copies.items():
        store, other = setup.stores[name], setup.stores[base]
        if copies and len(copies) >= FEWEST_COPIED * len(store):
            subject = f"{len(copies):,} of {counted(len(store), f'{name} picture')}"
            counts.setdefault(_OF[base], []).append(subject)
            row, first = next(iter(copies.items()))
            examples.append(f"{short_name(store.ids[row])} = {short_name(other.ids[first])}")
    if counts:
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


_OF = {"train": "training", "validation": "validation"}


def _label(setup: TrainingSetup, place: Place) -> str:
    return in_words(names_of(setup.stores[place.split].labels[place.row], setup.dataset.class_names))


def findings_of_head(setup: TrainingSetup, fitted: HeadFitted) -> Iterator[Finding]:
    """Yield what is wrong with a head that was fitted to a frozen network's features."""
    chance = _chance(setup, setup.config)
    finding = None if chance is None else labels_not_learned_by_head(chance, fitted)
    if finding is not None and finding.kind not in _kinds_told(setup):
        yield finding


def _kinds_told(setup: TrainingSetup) -> set[FindingKind]:
    return {finding.kind for finding in setup.folder.findings()}


def _chance(setup: TrainingSetup, config: TrainConfig) -> Chance | None:
    """Return what is scored without looking; None where classes are made to count the same, or a picture has several.

    A network that answers rare classes more often than they come may then be right less often than the most frequent
    class alone, and its weighted loss compares with no entropy.
    """
    if config.is_balanced or config.multi_label:
        return None
    return chance_of(
        setup.stores["train"].labels,
        setup.validation.labels,
        len(setup.dataset.class_names),
        config.label_smoothing,
        config.pictures_per_epoch or setup.pictures["train"],
    )


def _training_counts(setup: TrainingSetup) -> NDArray[np.int64]:
    """Return how many training images each class has, (classes,)."""
    if setup.dataset.shards is not None:
        return setup.dataset.counts_of("train")
    return np.bincount(setup.stores["train"].labels, minlength=len(setup.dataset.class_names))
