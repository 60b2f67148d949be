"""What `tune` does between its options and its exit code: search, handle interruptions, print."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.cli.terminal.browser import open_page
from tellapart.cli.terminal.console import command, note, say, say_json
from tellapart.cli.terminal.interruption import Interruption, unless_hung_up
from tellapart.cli.terminal.progress import ProgressListener
from tellapart.events import EpochDone
from tellapart.paths import MODEL_IN_RUN
from tellapart.reports.comparison import LEVEL
from tellapart.text import counted, percent
from tellapart.tuning.listener import TuningListener, TuningProgress, settings_text, time_left
from tellapart.tuning.trial import Trial
from tellapart.tuning.tune import TuningResult, tune

HEADER = "  trial    score  how it ended             settings"


def tune_and_report(
    data: Any, settings: dict[str, Any], *, as_json: bool = False, quiet: bool = False, opens: bool = False
) -> int:
    """Search, and print how it goes.

    Args:
        data: as given.
        settings: keyword arguments of `tellapart.tune`.
        as_json: one JSON object instead of a report.
        quiet: no progress.
        opens: whether to open the page.

    Returns:
        The exit code.
    """
    listener = TuningProgressListener(quiet=quiet)
    try:
        with Interruption() as interruption, listener:
            listener.interruption = interruption
            interruption.on_request = listener.stop_requested
            result = tune(data, **settings, listener=listener, should_stop=interruption.should_stop)
    except KeyboardInterrupt:
        note(_how_to_go_on(listener.folder))
        if as_json:
            say_json({"folder": listener.folder, "finished": False})
        return interruption.exit_code
    if as_json:
        say_json(result.to_dict())
    else:
        report_tuning(result)
    if interruption.should_stop():
        note(_how_to_go_on(str(result.folder)))
        return interruption.exit_code
    if opens:
        open_page(result.page)
    return 0


def _how_to_go_on(folder: str | None) -> str:
    if folder is None:
        return "Stopped before the search began."
    going_on = command("tune", "--resume", Path(folder), "--trials", "30")
    return f"Stopped; everything is saved. Go on with a limit, such as:\n  {going_on}"


class TuningProgressListener(ProgressListener, TuningListener):
    """Shows a tuning: a line for each trial as it ends, below it a bar of the one that is trained."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(quiet=quiet)
        self.folder: str | None = None
        """That of the tuning, once it is there."""

    def tuning_begun(self, folder: str, trials: Sequence[Trial], notes: Sequence[str]) -> None:
        """Print where it is, what is there already, and what differs from a plain training."""
        self.folder = folder
        self.interruption.steps_are_running = True
        with unless_hung_up():
            self.bars.close()
            self._tell(f"Tuning in {folder}")
            for words in notes:
                self._tell(f"{words[:1].upper()}{words[1:]}.")
            if trials:
                ended = sum(trial.has_ended for trial in trials)
                self._tell(
                    f"{counted(ended, 'trial')} of earlier commands, {len(trials) - ended} to go on with"
                )
            self._tell(HEADER, "bold")

    def trial_epoch(self, number: int, done: EpochDone) -> None:
        """Move the bar of the trial."""
        self.bars.count(f"Trial {number}, epoch", done.epoch + 1, done.epochs)

    def trial_ended(self, trial: Trial, progress: TuningProgress) -> None:
        """Print its line; the best one so far in bold."""
        with unless_hung_up():
            self.bars.close()
            is_best = trial.state == "complete" and trial.score == progress.best
            self._tell(_trial_row(trial, progress), "bold" if is_best else None)

    def scoring_begun(self, runs: Sequence[str]) -> None:
        """Say what comes; from here on nobody asks whether to stop, so Ctrl-C ends it at once."""
        self._steps_are_over()
        self._tell(f"Scoring the test pictures: {counted(len(runs), 'model')}")


def _trial_row(trial: Trial, progress: TuningProgress) -> str:
    of_all = f"/{progress.most}" if progress.most is not None else ""
    left = "" if progress.seconds_left is None else f", {time_left(progress.seconds_left)}"
    row = f"{trial.number:>7}  {percent(trial.score, 2):>7}  {trial.outcome:<23}  {settings_text(trial)}"
    return f"{row}  ({progress.ended}{of_all} done{left})"


def report_tuning(result: TuningResult) -> None:
    """Print the best setting, its scores beside those of the untuned recipe, its command and the page."""
    best, facts = result.best, result.facts
    if best is None:
        say("No trial is complete yet.")
    else:
        say(f"Best: trial {best.number} of {len(result.trials)}: {settings_text(best)}", "bold")
        for line in _score_lines(result):
            say(line)
        say(f"Model:\n  {best.folder / MODEL_IN_RUN}")
        if facts["best"]["command"]:
            say(f"To train it again:\n  {facts['best']['command']}")
    if not result.finished:
        for line in _why_unfinished(result):
            say(line, "yellow")
    say(f"All trials (open in a browser):\n  {result.page}")


def _score_lines(result: TuningResult) -> list[str]:
    best, default, facts = result.best, result.facts["default"], result.facts
    assert best is not None
    is_default = best.is_default
    untuned = "" if is_default or default["score"] is None else f", untuned {percent(default['score'], 2)}"
    lines = [
        f"Held-out {facts['score']}: {percent(best.score, 2)}{untuned} ({counted(best.pictures or 0, 'picture')})"
    ]
    if is_default and len(result.trials) > 1:
        lines.append("No trial was better than the untuned recipe.")
    test = facts["test"]
    if test is None:
        return lines
    runs = {run["run"]: run for run in test["runs"]}
    lines.append(f"Test {_test_score(runs['tuned'])}")
    if not is_default:
        lines.append(f"Untuned: test {_test_score(runs['default'])}")
        lines += [_difference(pair) for pair in test["pairs"]]
    return lines


def _test_score(run: dict[str, Any]) -> str:
    name = "accuracy" if run["accuracy"] is not None else "average_precision"
    ends = run["interval"]
    interval = "" if ends is None else f"95% CI {percent(ends[0], 2)} to {percent(ends[1], 2)}, "
    return f"{name.replace('_', ' ')}: {percent(run[name], 2)} ({interval}n={run['n']:,})"


def _difference(pair: dict[str, Any]) -> str:
    p = "p < 0.0001" if pair["p_value"] < 0.0001 else f"p = {pair['p_value']:.4f}"
    verdict = "more than chance" if pair["p_value"] < LEVEL else "no difference beyond chance"
    return f"Difference on the same test pictures: {100 * pair['difference']:+.2f} points ({p}: {verdict})"


def _why_unfinished(result: TuningResult) -> list[str]:
    running = sum(trial.state == "running" for trial in result.trials)
    if not running:
        return []
    return [
        f"Another process is at work on {counted(running, 'trial')}; the last one to end scores the test pictures."
    ]
