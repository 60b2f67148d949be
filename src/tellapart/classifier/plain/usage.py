"""Usage: how a plain model is used, and where each answer comes from.

Whatever the file does not say is given by somebody, found in its layers, or assumed. Nothing is assumed in silence:
every command prints `lines`, every function warns of what is assumed, and `to_dict` is part of every result.
"""

import shlex
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from tellapart.inference.probability_net import Head
from tellapart.pages.card import Card, Readable, Table
from tellapart.text import short_name

KEYWORDS = {"pixels": "pixels=", "policy": "policy=", "resampling": "resampling=", "classes": "class_names="}
"""Setting -> the keyword of `tellapart.load` that says it."""

Source = Literal["given", "found", "assumed"]


@dataclass(frozen=True, slots=True)
class Setting(Readable):
    """One answer."""

    value: str
    source: Source
    why: str = ""
    """A clause; of something given, what speaks against it."""

    otherwise: str = ""
    """What to type if it is not so."""

    def _parts(self) -> list[str]:
        return [self.in_words()]

    def in_words(self) -> str:
        """Return the answer and where it comes from, without its name."""
        colon = "," if self.source == "given" else ":"  # given, but ...
        reason = f"{self.source}{colon} {self.why}" if self.why else self.source
        return f"{self.value} ({reason})"

    def with_advice(self) -> str:
        """Return the answer, and the option that changes it."""
        return f"{self.in_words()}.{f' {self.otherwise}' * bool(self.otherwise)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Readable):
    """How a plain model is used."""

    model: str
    """Its file."""

    pixels: Setting
    size: Setting
    policy: Setting
    resampling: Setting
    classes: Setting
    outputs: Setting = Setting("probabilities", "found")

    def _parts(self) -> list[str]:
        assumed = [f"{name} {each.value}" for name, each in self.settings.items() if each.source == "assumed"]
        return [short_name(self.model), f"assumed: {'; '.join(assumed)}" if assumed else "nothing assumed"]

    def _card(self) -> Card:
        rows = [(name, each.value, each.source, each.why) for name, each in self.settings.items()]
        return Card(
            "Usage", f"how {self.model} is used", [Table(("setting", "value", "source", "why"), rows)]
        )

    @property
    def settings(self) -> dict[str, Setting]:
        """Return the answers by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "model"}

    def with_head(self, head: Head) -> "Usage":
        """Return it with what a network's outputs were found to be."""
        return replace(self, outputs=_OUTPUTS[head])

    def lines(self, model: str = "") -> list[str]:
        """Return what people should know: all that was found or assumed; nothing where all was given.

        Args:
            model: how it was named; default: its file's name.
        """
        model = model or self.model
        told = [
            f"  {name}: {setting.with_advice()}" for name, setting in self.settings.items() if setting.why
        ]
        if not told:
            return []
        return [
            f"{model} was not saved by tellapart. It is used with:",
            *told,
            f"  To save these settings: tellapart adopt {shlex.quote(model)} (with the same options)",
        ]

    def in_python(self) -> str:
        """Return what was assumed, and the keywords that change it; empty where nothing was."""
        assumed = {name: each.value for name, each in self.settings.items() if each.source == "assumed"}
        if not assumed:
            return ""
        told = "; ".join(f"{name} {value}" for name, value in assumed.items())
        keywords = [KEYWORDS[name] for name in assumed if name in KEYWORDS]
        change = f" If any of this is wrong, pass {', '.join(keywords)} (see help(tellapart.load))." * bool(
            keywords
        )
        return f"{self.model} was not saved by tellapart. Assumed: {told}.{change}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {name: asdict(setting) for name, setting in self.settings.items()}


_SIGMOID = "one output: the probability of the second class"
_NO_ACTIVATION = "the last layer has no activation, as with from_logits=True"
_OUTPUTS: dict[Head, Setting] = {
    "probabilities": Setting("probabilities", "found"),
    "one probability": Setting(_SIGMOID, "found", "the last layer is a sigmoid"),
    "logits": Setting("logits, put through a softmax", "assumed", _NO_ACTIVATION),
    "one logit": Setting(f"{_SIGMOID}, by a sigmoid", "assumed", _NO_ACTIVATION),
}
