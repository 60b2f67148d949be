"""The API reference, docs/api.md, made from the docstrings.

    python scripts/api_reference.py          # rewrites docs/api.md

Public names are those of `tellapart.__all__`.
"""

import ast
import dataclasses
import inspect
import re
import textwrap
from pathlib import Path

import tellapart
from tellapart.files import write_text

PAGE = Path(__file__).parent.parent / "docs" / "api.md"

GROUPS = {
    "Train and predict": ["train", "predict", "evaluate", "explain", "load"],
    "Serve": ["serve", "server_app", "ServingLimits"],
    "Keras models": ["fit", "adopt", "modernize"],
    "Exports": ["export"],
    "Data": ["open_dataset", "load_data", "shard", "check", "augment", "Augmentation", "Labels"],
    "Tuning": ["tune"],
    "Runs and networks": ["runs", "report", "compare", "summary"],
    "Sources of your own": ["Source", "LabeledImage", "dataset_of", "register_source"],
    "Settings": [
        "TrainConfig",
        "OptimizerSettings",
        "MuonSettings",
        "HeadSettings",
        "FineTuning",
        "ClassWeights",
    ],
    "Results": [
        "TrainingResult",
        "TuningResult",
        "Trial",
        "Classifier",
        "Predictions",
        "PredictionFile",
        "Prediction",
        "Evaluation",
        "Scores",
        "ClassScore",
        "Explanation",
        "Answer",
        "HeatMaps",
        "HeatMap",
        "Dataset",
        "Shards",
        "Split",
        "CheckResult",
        "ContactSheet",
        "Runs",
        "RunSummary",
        "Report",
        "Comparison",
        "Description",
        "Summary",
        "Exported",
        "Proof",
        "Adopted",
        "ModernizedScript",
        "ModelCard",
        "Preprocessing",
        "Usage",
    ],
    "While it trains": [
        "Listener",
        "EpochPrinter",
        "TuningListener",
        "TuningProgress",
        "TrainingSetup",
        "StepDone",
        "EpochDone",
        "Finding",
    ],
    "Errors": [
        "TellapartError",
        "ConfigError",
        "DataError",
        "PictureError",
        "ModelError",
        "SaveError",
        "DownloadError",
        "MissingExtraError",
    ],
}
"""Heading -> public names."""

CONSTRUCTED = {"Augmentation", "Labels", "Source", "LabeledImage", "OptimizerSettings", "MuonSettings"}
"""Classes whose objects people make, so that the call is shown."""

SECTIONS = {
    "Args": "Arguments",
    "Returns": "Returns",
    "Raises": "Raises",
    "Source": "Source",
    "Sources": "Sources",
}

HEAD = """# API reference

```python
import tellapart
```

Every name here is an attribute of `tellapart`. Each object prints as one line, and a notebook shows it as a card. In
Python, `help(tellapart.train)` shows the same text.

Made from the docstrings by `python scripts/api_reference.py`.
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, contents()]
    for heading, names in GROUPS.items():
        parts.append(f"## {heading}\n")
        parts += [entry(name, getattr(tellapart, name)) for name in names]
    return "\n".join(parts).rstrip() + "\n"


def contents() -> str:
    rows = [f"- **{heading}**: {links(names)}" for heading, names in GROUPS.items()]
    return "\n".join([*rows, ""])


def links(names) -> str:
    return ", ".join(f"[{name}](#{anchors()[name]})" for name in names)


def anchors() -> dict[str, str]:
    """Return the anchor that GitHub gives each heading: the second of one spelling ends in -1."""
    told: dict[str, str] = {}
    for name in (name for names in GROUPS.values() for name in names):
        same = sum(other.lower() == name.lower() for other in told)
        told[name] = f"{name.lower()}-{same}" if same else name.lower()
    return told


def entry(name: str, thing) -> str:
    """Return the heading, the call and the docstring of a function or a class."""
    if not inspect.isclass(thing):
        return f"### {name}\n\n```python\ntellapart.{name}{call(thing)}\n```\n\n{prose(thing)}\n"
    rows = [*fields(thing), *properties(thing)]
    parts = [f"### {name}\n", prose(thing), ""]
    if name in CONSTRUCTED:
        parts.insert(1, f"```python\ntellapart.{name}{call(thing)}\n```\n")
    if rows:
        parts += ["**Attributes**\n", *rows, ""]
    for method, function in methods(thing):
        parts += [f"#### {name}.{method}\n\n```python\n{method}{call(function)}\n```\n", prose(function), ""]
    return "\n".join(parts)


def call(function) -> str:
    """Return the arguments with their defaults, without types: one line, or several."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in ("self", "cls")
    ]
    told = [one if len(one := str(each)) < 60 else f"{each.name}=..." for each in parameters]
    told = [re.sub(r"<function (\S+) at 0x\w+>", "...", each) for each in told]
    stars = next((place for place, each in enumerate(parameters) if each.kind is each.KEYWORD_ONLY), None)
    if stars is not None and not any(each.kind is each.VAR_POSITIONAL for each in parameters):
        told.insert(stars, "*")
    line = f"({', '.join(told)})"
    return line if len(line) < 90 else "(\n    " + ",\n    ".join(told) + ",\n)"


def prose(thing) -> str:
    """Return a docstring as Markdown."""
    lines = (inspect.getdoc(thing) or "").splitlines()
    if inspect.isclass(thing) and thing.__doc__ is None:
        return ""
    parts, section, block = [], None, []

    def finish() -> None:
        if block and any(map(str.strip, block)):
            parts.append(plain(block) if section is None else section_text(section, block))

    for line in lines:
        match = re.fullmatch(r"(\w+):(.*)", line)
        if match and match[1] in SECTIONS:
            finish()
            section, block = SECTIONS[match[1]], [match[2].strip()] if match[2].strip() else []
        else:
            block.append(line)
    finish()
    return "\n\n".join(parts)


def plain(lines) -> str:
    """Return paragraphs; a line that is indented begins a block of code."""
    text = "\n".join(lines).strip("\n")
    blocks = re.split(r"\n\s*\n", text)
    shown = []
    for block in blocks:
        if all(line.startswith("    ") for line in block.splitlines()):
            code = textwrap.dedent(block)
            if shown and shown[-1].endswith("```"):
                shown[-1] = f"{shown[-1][:-3]}\n{code}\n```"
            else:
                shown.append(f"```python\n{code}\n```")
        else:
            shown.append(escaped(" ".join(block.split())))
    return "\n\n".join(shown)


def section_text(title: str, lines) -> str:
    """Return a section: a list of `name: words`, or paragraphs."""
    text = textwrap.dedent("\n".join(lines)).strip("\n")
    items = re.split(r"\n(?=\S)", text)
    pairs = [re.match(r"(`?[\w*., ]+`?): (.*)", item, re.DOTALL) for item in items]
    if title in ("Arguments", "Raises") and all(pairs):
        rows = [f"- `{pair[1].strip('`')}`: {escaped(' '.join(pair[2].split()))}" for pair in pairs]
        return "\n".join([f"**{title}**", "", *rows])
    return f"**{title}**: {plain(text.splitlines())}"


def escaped(text: str) -> str:
    """Return text in which Markdown takes nothing for markup but code in backticks."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(
        piece if place % 2 else re.sub(r"([<*_])", r"\\\1", piece) for place, piece in enumerate(pieces)
    )


def fields(thing) -> list[str]:
    """Return a row for each field of a dataclass: its name, default and docstring."""
    if not dataclasses.is_dataclass(thing):
        return []
    told = documented(thing)
    rows = []
    for field in dataclasses.fields(thing):
        default = "" if field.default is dataclasses.MISSING else f" = {field.default!r}"
        words = f": {escaped(' '.join(told[field.name].split()))}" if told.get(field.name) else ""
        rows.append(f"- `{field.name}{default if len(default) < 40 else ''}`{words}")
    return rows


def documented(thing) -> dict[str, str]:
    """Return the docstrings below the fields, also those of the classes that it derives from."""
    told = {}
    for kind in reversed(thing.__mro__):
        if not kind.__module__.startswith("tellapart"):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        for statement, after in zip(body.body, body.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(after, ast.Expr):
                told[statement.target.id] = ast.literal_eval(after.value)
    return told


def properties(thing) -> list[str]:
    rows = []
    for name, value in public(thing):
        if isinstance(value, property) or type(value).__name__ == "cached_property":
            words = inspect.getdoc(value).partition("\nRaises:")[0]
            rows.append(f"- `{name}`: {escaped(' '.join(words.split()))}")
    return rows


def methods(thing):
    for name, value in public(thing):
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if inspect.isfunction(function) and name != "card_blocks":
            yield name, function


def public(thing):
    return [(name, value) for name, value in vars(thing).items() if not name.startswith("_")]


if __name__ == "__main__":
    write_text(PAGE, page())
