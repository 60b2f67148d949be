"""The table of Keras's layers: which of them take the fast path.

    python scripts/layer_table.py          # rewrites docs/layers.md

It is counted over the configurations that `tests/lowering/test_every_layer.py` compares with Keras.
"""

import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "lowering"))
from layer_cases import NotHereError, cases, keras, make_model

from tellapart.files import write_text
from tellapart.lowering import lower

PAGE = Path(__file__).parent.parent / "docs" / "layers.md"

WITHOUT_CASES = {
    "FlaxLayer": "needs JAX",
    "JaxLayer": "needs JAX",
    "TFSMLayer": "needs TensorFlow",
    "HashedCrossing": "needs TensorFlow",
    "Hashing": "needs TensorFlow",
    "IntegerLookup": "needs TensorFlow",
    "StringLookup": "needs TensorFlow",
    "TextVectorization": "needs TensorFlow",
    "Equalization": "cannot be part of a Functional model",
    "GRUCell": "a part of RNN",
    "LSTMCell": "a part of RNN",
    "SimpleRNNCell": "a part of RNN",
    "StackedRNNCells": "a part of RNN",
    "InputLayer": "computes nothing",
    "InputSpec": "not a layer",
    "Layer": "a base class",
    "Wrapper": "a base class",
    "Pipeline": "cannot be part of a Functional model",
    "TorchModuleWrapper": "wraps a torch module of your own",
}
"""Classes of `keras.layers` that no configuration calls, and why."""

HEAD = """# Which layers take the fast path

A layer on the fast path runs as torch operations that share its weights; any other runs as Keras's own code, with the
same results. Both are compared with Keras in every configuration counted here: outputs in both modes, gradients and
statistics, in float32 and mixed bfloat16 (`tests/lowering/test_every_layer.py`). Layers of your own, and subclasses
of Keras's, run as themselves. `tellapart summary MODEL` shows this for one model.

Made by `python scripts/layer_table.py`, Keras {version}.

| layer | configurations on the fast path | of |
|---|---:|---:|
"""

TAIL = """
Not compared:

| layer | why |
|---|---|
"""


def main() -> None:
    write_text(PAGE, page())


def page() -> str:
    """Return the page's text."""
    rows = [f"| {layer} | {fast} | {total} |\n" for layer, (fast, total) in sorted(counts().items())]
    untested = [f"| {layer} | {reason} |\n" for layer, reason in sorted(WITHOUT_CASES.items())]
    return HEAD.format(version=keras.version()) + "".join(rows) + TAIL + "".join(untested)


@cache
def counts() -> dict[str, tuple[int, int]]:
    """Return for each layer class how many of its configurations run lowered, and how many there are."""
    found = {}
    for layer, own in cases().items():
        lowered = [result for case in own if (result := runs_lowered(case)) is not None]
        if lowered:
            found[layer] = (sum(lowered), len(lowered))
    return found


def runs_lowered(case) -> bool | None:  # type: ignore[no-untyped-def]
    """Return whether a case runs lowered; None where Keras cannot build it."""
    try:
        model, _ = make_model(case, "float32")
    except NotHereError:
        return None
    return all(row.lowered for row in lower(model).report())


if __name__ == "__main__":
    main()
