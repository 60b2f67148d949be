"""Why 63%: the tutorial's training of 200 epochs, as meant and otherwise, from `benchmarks/results`; and what was
reported of it.

The curves are those of `benchmarks/why_63.py`. What others reported is quoted with its source, never mixed with them.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from tellapart.guide.making.better import newest

TUTORIAL = 0.63
"""The test accuracy that the tutorial ended with."""

ISSUES = "https://github.com/keras-team/keras/issues/"
COMMITS = "https://github.com/keras-team/keras/commit/"


@dataclass(frozen=True, slots=True)
class Version:
    """Keras's example `cifar10_cnn.py` for a while: how it called RMSprop, and what was said of it."""

    since: str
    until: str
    rate: float
    decay: float
    beside: float
    """What RMSprop added beside the root mean square."""

    said: str
    source: str
    """Where it was said ..."""

    commit: str
    """... and the commit that brought these settings."""


HISTORY = (
    Version(
        since="December 2016",
        until="April 2017",
        rate=1e-3,
        decay=0.0,
        beside=1e-8,
        said="“The example as it is fails to converge.”",
        source=f"{ISSUES}4897",
        commit=f"{COMMITS}7c4f033c6a",
    ),
    Version(
        since="April 2017",
        until="December 2017",
        rate=1e-4,
        decay=1e-6,
        beside=1e-8,
        said="78.5% after 80 epochs, 59.0% after 200",
        source=f"{ISSUES}7384",
        commit=f"{COMMITS}98ec9fc972",
    ),
    Version(
        since="December 2017",
        until="2020",
        rate=1e-4,
        decay=1e-6,
        beside=1e-7,
        said="“75% validation accuracy in 25 epochs, and 79% after 50 epochs”",
        source=f"{COMMITS}ce4947cbaf",
        commit=f"{COMMITS}321d838ba8",
    ),
)


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    found = json.loads(newest("why_63-*.json").read_text(encoding="utf-8"))
    return {
        "tutorial": TUTORIAL,
        "history": [asdict(version) for version in HISTORY],
        "runs": {one["case"]: curves(one) for one in found["runs"] if one["seed"] == 0},
    }


def curves(one: dict[str, Any]) -> dict[str, Any]:
    """One training, epoch by epoch, and its scores on the test pictures."""
    columns = {"accuracy": "val_accuracy", "held_out_loss": "val_loss", "loss": "loss"}
    accuracies = [row["val_accuracy"] for row in one["curve"]]
    return {
        **{name: [round(row[column], 4) for row in one["curve"]] for name, column in columns.items()},
        "pictures": one["pictures"],
        "best_epoch": one["best epoch"],
        "reached_63": next((at for at, share in enumerate(accuracies, 1) if share >= TUTORIAL), None),
        **{
            which: {
                "accuracy": told["accuracy"],
                "interval": told["interval"],
                "n": told["n"],
                "silent": [round(share, 4) for share in told["silent"]],
            }
            for which, told in one["test"].items()
        },
    }
