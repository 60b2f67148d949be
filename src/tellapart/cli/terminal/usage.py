"""How a model without a model card is used: what was found in it, and what is assumed."""

from pathlib import Path

from tellapart.api.adopt import Adopted
from tellapart.classifier.plain.usage import Usage
from tellapart.cli.terminal.console import note, say
from tellapart.text import one_line


def note_usage(usage: Usage | None, model: str | Path) -> None:
    """Note what people should know of it; nothing for a model with a card."""
    for line in () if usage is None else usage.lines(str(model)):
        note(one_line(line), "yellow")


def report_adopted(adopted: Adopted) -> None:
    """Print what the new file records, and where each answer came from."""
    say(one_line(f"Saved: {adopted.path}"))
    for name, setting in adopted.usage.settings.items():
        say(one_line(f"  {name}: {setting.in_words()}"))
