"""What `summary` prints."""

from dataclasses import asdict
from typing import Any

from tellapart.cli.terminal import tables
from tellapart.cli.terminal.console import results, say
from tellapart.data.augmentation.settings import Augmentation
from tellapart.profiling.summary import Description

HEADINGS = {
    "recipe": "Recipe settings",
    "card": "Model card",
    "usage": "Without a model card",
    "exports": "Exports",
}


def report_summary(description: Description) -> None:
    """Print layers, totals, and a recipe's settings or a model's card."""
    summary = description.summary
    height, width, channels = summary.input_shape
    say(f"{summary.name}: input {height} x {width} x {channels}")
    results().print(tables.summary_table(summary))
    frozen = summary.parameters - summary.trainable_parameters
    say(f"Parameters  {summary.parameters:,}{f' ({frozen:,} frozen)' if frozen else ''}")
    say(
        f"FLOPs       {summary.flops / 1e6:,.2f} million per picture, forward pass (1 multiply-add = 2 FLOPs)"
    )
    say(f"Weights     {summary.bytes / 1e6:,.2f} MB")
    if (cost := description.training) is not None:
        say(
            f"Training    {cost.flops / 1e12:,.0f} TFLOPs: {cost.epochs} epochs of {cost.pictures:,} pictures, "
            "3 forward passes each"
        )
        for heading, line in zip(("Accuracy", ""), tables.measured_lines(description.measured), strict=False):
            say(f"{heading:<11} {line}")
    for kind, facts in description.facts.items():
        say()
        say(HEADINGS[kind], "bold")
        results().print(tables.facts_table(_without_switches_off(facts)))


def _without_switches_off(facts: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's settings with only those augmentations that are on."""
    if "augmentation" not in facts:
        return facts
    off = asdict(Augmentation())
    on = {name: value for name, value in facts["augmentation"].items() if value != off[name]}
    return {**facts, "augmentation": on}
