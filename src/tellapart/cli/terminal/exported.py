"""Exports on the terminal."""

from tellapart.api.export import Exported
from tellapart.cli.terminal.console import note, say
from tellapart.exporters.proof import Proof
from tellapart.text import counted, percent


def report_export(exported: Exported) -> None:
    """Print where an export lies, and how it compares with the model."""
    proof = exported.proof
    say(f"Exported to\n  {exported.path}\n")
    say(f"Size        {proof.size / 1e6:.2f} MB")
    say(f"Proof       {counted(proof.pictures, 'picture')} ({proof.source}) through model and export")
    say(f"Difference  at most {proof.largest_difference:.1e} in any probability")
    say(f"Agreement   same answer for {percent(proof.agreement, 2)}{_unfamiliar(proof)}")
    if proof.score is not None and proof.exported_score is not None:
        say(f"{_title(proof):12}{_score(proof)}")
    threads = counted(proof.threads, "thread")
    say(f"Speed       {proof.pictures_per_second:,.0f} pictures/s here ({proof.runtime}, {threads})")
    say(f"            {proof.classifier_per_second:,.0f} pictures/s by tellapart\n")
    say(f"How pictures go in and what comes out, with the proof:\n  {exported.record}")
    for words in exported.notes:
        note(words)


def _unfamiliar(proof: Proof) -> str:
    if proof.novelty_agreement is None:
        return ""
    return f'; same verdict on "unfamiliar" for {percent(proof.novelty_agreement, 2)}'


def _title(proof: Proof) -> str:
    return "Accuracy" if proof.score_name == "accuracy" else "Mean AP"


def _score(proof: Proof) -> str:
    assert proof.score is not None
    assert proof.exported_score is not None
    interval = ""
    if proof.interval is not None:
        interval = (
            f" (95% confidence interval {percent(proof.interval[0], 2)} to {percent(proof.interval[1], 2)})"
        )
    if proof.score == proof.exported_score:
        return f"{percent(proof.score, 2)}, same as the model{interval}"
    test = "" if proof.p_value is None else f"; McNemar's test, p = {proof.p_value:.2g}"
    return f"{percent(proof.exported_score, 2)}{interval}; the model's is {percent(proof.score, 2)}{test}"
