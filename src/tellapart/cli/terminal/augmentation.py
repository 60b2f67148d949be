"""What `augment` prints."""

from dataclasses import asdict
from typing import Any

from tellapart.api.augment import ContactSheet
from tellapart.cli.terminal.console import results, say, say_json
from tellapart.cli.terminal.tables import facts_table
from tellapart.data.augmentation.settings import STANDARDIZING, Augmentation
from tellapart.recipes.augmented import augmentation_of


def report_sheet(sheet: ContactSheet, as_json: bool) -> None:
    """Print where the sheet is, and which settings it shows."""
    on = switches_on(augmentation_of(sheet.config).each)
    mixing = sheet.config.mixing
    if as_json:
        say_json(
            {"sheet": str(sheet.path), "recipe": sheet.config.recipe, "augmentation": on, "mixing": mixing}
        )
        return
    say(f"Contact sheet: {sheet.path} ({len(sheet.originals)} pictures, {len(sheet.draws)} draws of each)")
    say(f"Recipe: {sheet.config.recipe}")
    if mixing != "none":
        on = {**on, "mixing": mixing}
    if on:
        results().print(facts_table(on))
    else:
        say("This recipe does not augment pictures. Choose how with --augment.")
    if any(name in on for name in STANDARDIZING):
        say(
            "Rescaling, centering, normalizing and whitening are layers of the network; the sheet does not show them."
        )


def switches_on(augmentation: Augmentation | None) -> dict[str, Any]:
    """Return those settings that are not off, as plain values."""
    if augmentation is None:
        return {}
    off = asdict(Augmentation())
    on = {name: value for name, value in asdict(augmentation).items() if value != off[name]}
    if "policies" in on:
        on["policies"] = [policy.name for policy in augmentation.policies]
    return on
