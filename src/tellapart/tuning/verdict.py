"""Verdict: the best setting and the untuned recipe, scored once on the same test images, and compared by a paired test.

Only these two are: the best of many test scores would be too good.
"""

from pathlib import Path
from typing import Any

from tellapart.api.score_later import score_run
from tellapart.reports.comparison import compare
from tellapart.reports.rerun_command import rerun_command
from tellapart.runs.folder import RunFolder
from tellapart.runs.predictions import load_predictions
from tellapart.tuning.listener import TuningListener
from tellapart.tuning.trial import DEFAULT_TRIAL, Trial, best_of
from tellapart.tuning.tuning import Tuning

TUNED, DEFAULT = "tuned", "default"


def verdict(tuning: Tuning, listener: TuningListener) -> dict[str, Any] | None:
    """Return what the test images say; they are scored where that was not done before.

    Args:
        tuning: whose search is over.
        listener: hears of the images scored.

    Returns:
        "runs" and "pairs", as `comparison.compare` has them for the runs "default" and "tuned"; None while another
        process is at work, or the untuned recipe is not trained to its end.

    Raises:
        TellapartError: a run cannot be scored.
    """
    with tuning.folder.locked():
        trials = tuning.trials()
        chosen = _chosen(trials)
        if chosen is None or any(trial.state == "running" for trial in trials):
            return None
        runs = {DEFAULT: trials[DEFAULT_TRIAL].folder, TUNED: chosen.folder}
        _score(tuning, list(dict.fromkeys(runs.values())), listener)
        return compare({name: load_predictions(RunFolder(run).predictions) for name, run in runs.items()})


def _chosen(trials: list[Trial]) -> Trial | None:
    """Return the best trial; None where the untuned recipe, with which it is compared, is not complete."""
    complete = trials and trials[DEFAULT_TRIAL].state == "complete"
    return best_of(trials) if complete else None


def _score(tuning: Tuning, runs: list[Path], listener: TuningListener) -> None:
    """Score runs on the test images, and write their reports, where that was not done before."""
    left = [run for run in runs if not RunFolder(run).is_finished]
    if not left:
        return
    listener.scoring_begun([run.name for run in left])
    base = tuning.base
    in_memory = "argument" not in tuning.folder.read()["data"]
    data = (base.data, base.labels) if in_memory else (None, None)
    for run in left:
        score_run(run, *data, class_names=base.class_names, listener=listener)


def command_of(run: Path, images: int) -> str | None:
    """Return the command that trains a run again; None where only Python can, or it never began.

    Args:
        run: its folder.
        images: of its training split, before some were held out.
    """
    folder = RunFolder(run)
    if not folder.can_resume:
        return None
    config, data = folder.read_settings()
    return rerun_command(config, data, images)
