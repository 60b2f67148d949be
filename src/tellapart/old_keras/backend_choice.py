"""A script that chooses Keras's backend itself: `tellapart.fit` runs on PyTorch."""

import libcst as cst
from libcst import matchers as m

from tellapart.old_keras.context import Context

_KEY = m.SubscriptElement(
    m.Index(m.SimpleString(m.MatchIfTrue(lambda text: text.strip("'\"") == "KERAS_BACKEND")))
)
_PLACE = m.Subscript(value=m.Attribute(attr=m.Name("environ")) | m.Name("environ"), slice=[_KEY])


def choose_torch(context: Context) -> None:
    """Note each text that is assigned to KERAS_BACKEND and is not torch."""
    for node in context.script.all(cst.Assign):
        value = node.value
        if not any(m.matches(target.target, _PLACE) for target in node.targets):
            continue
        if isinstance(value, cst.SimpleString) and value.evaluated_value != "torch":
            context.findings.strings[value] = f"{value.prefix}{value.quote}torch{value.quote}"
            context.findings.old()
