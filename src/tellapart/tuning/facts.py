"""Facts: everything that a tuning says at its end, as plain values for JSON and the page."""

from collections.abc import Mapping
from typing import Any

from tellapart import __version__
from tellapart.events import score_name
from tellapart.metrics.scores import wilson_interval
from tellapart.tuning.importance import importances_of
from tellapart.tuning.trial import DEFAULT_TRIAL, Trial, best_of
from tellapart.tuning.tuning import Tuning
from tellapart.tuning.verdict import command_of


def facts_of(tuning: Tuning, test: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return all that is known of a tuning.

    Args:
        tuning: opened.
        test: what the test images say; None while they were not scored.
    """
    trials, base = tuning.trials(), tuning.base
    best = best_of(trials)
    default = trials[DEFAULT_TRIAL] if trials else None
    return {
        "tellapart": __version__,
        "folder": str(tuning.folder.path),
        "data": base.data_name,
        "recipe": base.config.recipe,
        "notes": list(base.notes),
        "score": score_in_words(tuning),
        "finished": test is not None,
        "space": [
            {"setting": each.name, "domain": each.domain.text, "default": each.default} for each in base.space
        ],
        "best": None if best is None else _entry(best, tuning),
        "default": None if default is None else _entry(default, tuning),
        "test": None if test is None else {"runs": test["runs"], "pairs": test["pairs"]},
        "importances": importances_of(tuning.study),
        "counts": counts_of(trials),
        "trials": [trial.to_dict() for trial in trials],
    }


def score_in_words(tuning: Tuning) -> str:
    """Return what trials are compared by."""
    config = tuning.base.config
    return f"{'balanced ' * config.is_balanced}{score_name(config.multi_label)}"


def counts_of(trials: list[Trial]) -> dict[str, int]:
    """Return how many trials there are of each state that any has."""
    states = [trial.state for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _entry(trial: Trial, tuning: Tuning) -> dict[str, Any]:
    return {
        **trial.to_dict(),
        "interval": _interval(trial, tuning),
        "command": command_of(trial.folder, tuning.base.images),
    }


def _interval(trial: Trial, tuning: Tuning) -> tuple[float, float] | None:
    """Return the 95% interval of a plain accuracy; other scores have none here."""
    config = tuning.base.config
    if trial.score is None or trial.pictures is None or config.is_balanced or config.multi_label:
        return None
    return wilson_interval(round(trial.score * trial.pictures), trial.pictures)
