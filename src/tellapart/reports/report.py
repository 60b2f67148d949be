"""Report: compute what a run's report needs, in order, and write the page."""

from collections.abc import Sequence
from typing import Any

from tellapart.errors import TellapartError
from tellapart.events import Progress
from tellapart.explanations.examples.feature_cache import kept_features
from tellapart.files import write_text
from tellapart.metrics.label_scores import score_any
from tellapart.reports.facts import RunRecord, facts_of
from tellapart.reports.label_mistakes import label_mistakes
from tellapart.reports.measurements import calibration_facts, network_facts
from tellapart.reports.mistakes import Mistake, confident_mistakes
from tellapart.reports.nearest_examples import neighbors
from tellapart.reports.page import page
from tellapart.runs.saved_run import SavedRun
from tellapart.runs.untrusted_pictures import trusted_scores, untrusted_in


def write_report(saved: SavedRun, progress: Progress | None = None) -> dict[str, Any]:
    """Write the run folder's `report.html`.

    Args:
        saved: the run.
        progress: called with (training images compared, training images in all).

    Returns:
        The facts that the page shows.

    Raises:
        SaveError: the page could not be written; an older one stays as it was.
    """
    test = saved.predictions.get("test")
    several = saved.config.multi_label
    mistakes = None if test is None or several else confident_mistakes(test, saved.class_names)
    missing = list(saved.missing)
    try:
        nearest = _neighbors(saved, mistakes or (), progress)
    except TellapartError as reason:
        nearest = []
        missing.append(f"The most similar training pictures: {reason}")
    facts = facts_of(_record(saved, mistakes, missing))
    images = {split: store.images for split, store in saved.stores.items()}
    write_text(saved.folder.report, page(facts, test, images, nearest))
    return facts


def _record(saved: SavedRun, mistakes: Sequence[Mistake] | None, missing: Sequence[str]) -> RunRecord:
    test, held_out = saved.predictions.get("test"), saved.predictions.get("validation")
    card = None if saved.classifier is None else saved.classifier.card
    thresholds = () if card is None else card.thresholds
    several = saved.config.multi_label
    if several and test is not None and not thresholds:
        missing, test = (*missing, "Test results: the model with its thresholds is missing."), None
    temperature = None if card is None else card.temperature
    fitted_on = None if held_out is None else len(held_out.labels)
    return RunRecord(
        folder=str(saved.folder.path),
        config=saved.config,
        settings=saved.settings,
        history=saved.history,
        log=saved.log,
        labels={split: store.labels for split, store in saved.stores.items()},
        scores=None
        if test is None
        else score_any(test.probabilities, test.labels, saved.class_names, "test", thresholds),
        trusted=None
        if test is None
        else trusted_scores(
            untrusted_in(saved.log), test.probabilities, test.labels, test.ids, saved.class_names, thresholds
        ),
        thresholds_from="" if card is None else card.thresholds_from,
        label_mistakes=label_mistakes(test, saved.class_names, thresholds) if test and several else None,
        calibration=None if test is None or several else calibration_facts(test, temperature, fitted_on),
        mistakes=mistakes,
        network=None if saved.classifier is None else network_facts(saved.classifier.model),
        missing=missing,
    )


def _neighbors(saved: SavedRun, mistakes: Sequence[Mistake], progress: Progress | None) -> list[Any]:
    """Return each mistake's nearest training images; nothing where images or network are missing."""
    if not mistakes or not saved.stores or saved.classifier is None:
        return []
    rows = [mistake.row for mistake in mistakes]
    images = saved.stores["test"].images[rows]
    precision = saved.data.get("precision", "float32")
    known = kept_features(saved, saved.classifier)
    return neighbors(saved.classifier, images, saved.stores["train"], precision, progress, known)
