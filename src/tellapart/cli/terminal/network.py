"""What `summary` prints."""

from dataclasses import asdict
from typing import Any

from tellapart.cli.terminal import tables
from tellapart.cli.terminal.console import results, say
from tellapart.data.augmentation.shift_flip import Augmentation
from tellapart.profiling.summary import Description

HEADINGS = {"recipe": "Settings of the recipe", "card": "What travels with the model"}


def report_summary(description: Description) -> None:
    """Layers, totals, and a recipe's settings or a model's card."""
    summary = description.summary
    height, width, channels = summary.input_shape
    say(f"{summary.name}: {height} x {width} x {channels} pixels in")
    results().print(tables.summary_table(summary))
    frozen = summary.parameters - summary.trainable_parameters
    say(f"Parameters  {summary.parameters:,}{f' ({frozen:,} of them not trained)' if frozen else ''}")
    say(f"Arithmetic  {summary.flops / 1e6:,.2f} MFLOPs for one picture, forward (2 per multiply-add)")
    say(f"Weights     {summary.bytes / 1e6:,.2f} MB")
    if (cost := description.training) is not None:
        say(
            f"Training    {cost.flops / 1e12:,.0f} TFLOPs for {cost.epochs} epochs of {cost.pictures:,} pictures "
            "(3 x forward)"
        )
        for heading, line in zip(("Accuracy", ""), tables.measured_lines(description.measured), strict=False):
            say(f"{heading:<11} {line}")
    for kind, facts in description.facts.items():
        say()
        say(HEADINGS[kind], "bold")
        results().print(tables.facts_table(_without_switches_off(facts)))


def _without_switches_off(facts: dict[str, Any]) -> dict[str, Any]:
    """A recipe's settings with only those kinds of augmentation that do something."""
    if "augmentation" not in facts:
        return facts
    off = asdict(Augmentation())
    on = {name: value for name, value in facts["augmentation"].items() if value != off[name]}
    return {**facts, "augmentation": on}
