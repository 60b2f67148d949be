"""An oracle for the explain page: its numbers are read as a reader sees them, and computed again.

Inputs and outputs of layers are Keras's own (`calls.py`), and so are the numbers that a window reads (`windows.py`);
weights are read from the Keras layers; the rest is NumPy in float64.
"""

from dataclasses import dataclass, field

import numpy as np
from calls import calls_of
from windows import as_numbers, patch, window_and_weights

READ = """
() => [...document.querySelectorAll("#arithmetic [data-what]")].map((one) => ({
  ...one.dataset, text: one.textContent, group: one.closest("[data-channel]")?.dataset.channel ?? null,
  isPadding: one.className === "padding",
}))
"""

CHOOSE = """
([k, y, x]) => {
  const set = (id, value) => {
    const control = document.getElementById(id);
    control.value = String(value);
    control.dispatchEvent(new Event("change", { bubbles: true }));
  };
  set("layer-channel", k);
  set("layer-row", y);
  set("layer-column", x);
}
"""

CARRIED = """
() => Object.fromEntries(["channel", "row", "column"].map((name) => [
  name,
  [...document.getElementById("layer-" + name).options].map((one) => [Number(one.value), Number(one.textContent)]),
]))
"""

NAMES = "[...document.querySelectorAll('#flow button .name')].map((one) => one.textContent)"
KINDS = (
    "JSON.parse(document.getElementById('data').textContent).layers.layers.map((one) => one.arithmetic.kind)"
)

WITHIN = 1e-4
"""Of the number, or of 1 where the number is smaller."""


@dataclass
class Check:
    """What was compared."""

    cells: int = 0
    numbers: int = 0
    worst: float = 0.0
    wrong: list = field(default_factory=list)
    kinds: set = field(default_factory=set)
    """Kinds of arithmetic."""

    missed: set = field(default_factory=set)
    """Classes of layers of which no cell was chosen."""

    def compare(self, where, what, shown, made):
        error = abs(shown - made) / max(1.0, abs(made))
        self.numbers += 1
        self.worst = max(self.worst, error)
        if not error <= WITHIN:
            self.wrong.append((where, what, shown, float(made)))


def check(page, model, image, cells, seed=0):
    """Choose cells by chance and compare every number that the page writes about them."""
    calls, random, found = calls_of(model, image), np.random.default_rng(seed), Check()
    names, kinds = page.evaluate(NAMES), page.evaluate(KINDS)
    assert set(names) == set(calls)
    found.missed = {type(one.layer).__name__ for one in calls.values()}
    order = _order([type(calls[name].layer).__name__ for name in names], cells, random)
    for index in np.sort(order):
        page.evaluate("(index) => document.querySelectorAll('#flow button')[index].click()", int(index))
        options = page.evaluate(CARRIED)
        k, channel = options["channel"][random.integers(len(options["channel"]))]
        y, x = (options[name][random.integers(len(options[name]))][0] for name in ("row", "column"))
        page.evaluate(CHOOSE, [k, y, x])
        shown, call = page.evaluate(READ), calls[names[index]]
        found.cells += 1
        found.kinds.add(kinds[index])
        found.missed.discard(type(call.layer).__name__)
        where = (names[index], kinds[index], y, x, channel)
        _check_cell(found, where, shown, call, (y, x, channel))
        for one in shown:
            if one.get("value") is not None:
                found.compare(
                    where, "text of " + one["what"], float(one["text"].replace("−", "-")), float(one["value"])
                )
    return found


def _order(classes, cells, random):
    """Indices of layers by chance, so many; one of each class first, and none twice before all had their turn."""
    shuffled = random.permutation(len(classes))
    firsts = [next(i for i in shuffled if classes[i] == one) for one in sorted(set(classes))]
    rest = [i for i in shuffled if i not in firsts]
    again = [random.permutation(len(classes)) for _ in range(cells // len(classes))]
    return np.concatenate([firsts, rest, *again])[:cells].astype(int)


def _check_cell(found, where, shown, call, place):
    y, x, channel = place
    layer, taken, given = call.layer, call.taken, call.given
    numbers = {one["what"]: float(one["value"]) for one in shown if one.get("value") is not None}
    found.compare(where, "output", numbers["output"], given[y, x, channel])
    kind = where[1]
    if kind in ("activated", "off", "softmax", "scaled", "sloped", "unit", "normalized"):
        found.compare(where, "input", numbers["input"], taken[0][y, x, channel])
    if kind == "weighted":
        _check_weighted(found, where, shown, numbers, layer, taken[0], place)
    elif kind == "pooled":
        _check_pooled(found, where, shown, numbers, layer, taken[0], place)
    elif kind == "softmax":
        _check_softmax(found, where, numbers, taken[0][y, x], channel)
    elif kind in AS_WRITTEN:
        if kind in MADE:
            MADE[kind](found, where, numbers, layer, taken[0], place)
        found.compare(where, "as written", AS_WRITTEN[kind](numbers), given[y, x, channel])
    elif kind == "merged":
        inputs = [float(one["value"]) for one in shown if one["what"] == "input"]
        for value, one in zip(inputs, taken, strict=True):
            at = tuple(min(place[axis], one.shape[axis] - 1) for axis in range(3))
            found.compare(where, "input", value, one[at])
    elif kind == "moved":
        _check_moved(found, where, shown, taken, given[y, x, channel])
    elif kind == "attention":
        _check_attention(found, where, shown, layer, taken, y)
    elif kind == "other":
        assert set(numbers) == {"output"}
    else:
        assert kind == "activated", f"{where}: {kind} is not recomputed"


def _check_weighted(found, where, shown, numbers, layer, taken, place):
    window, weights, first = window_and_weights(layer, taken, place)
    products = window * weights
    flat = {"input": window.reshape(-1), "weight": weights.reshape(-1), "product": products.reshape(-1)}
    bias = 0.0 if layer.bias is None else as_numbers(layer.bias)[place[2]]
    found.compare(where, "products", numbers["products"], products.sum())
    for name, made in (("bias", bias), ("z", products.sum() + bias)):
        if name in numbers:
            found.compare(where, name, numbers[name], made)
    left = products.sum()
    for one in shown:
        if one["what"] not in flat or (one["group"] is None and "index" not in one):
            continue
        if one["group"] is not None:
            at = int(one["place"]) * window.shape[2] + int(one["group"]) - first
        else:
            at = int(one["index"])
        found.compare(where, one["what"], float(one["value"]), flat[one["what"]][at])
        left -= flat["product"][at] if one["what"] == "product" else 0
    if "others" in numbers:
        found.compare(where, "others", numbers["others"], left)
    for one in shown:
        if one["what"] == "channel-sum":
            made = products[..., int(one["group"]) - first].sum()
            found.compare(where, "channel-sum", float(one["value"]), made)
    if "raised" in numbers:
        units = [window_and_weights(layer, taken, (*place[:2], unit)) for unit in range(layer.bias.shape[0])]
        logits = np.array([(one * of_it).sum() for one, of_it, _ in units]) + as_numbers(layer.bias)
        _check_softmax(found, where, numbers, logits, place[2])


def _check_softmax(found, where, numbers, logits, channel):
    raised = np.exp(logits - logits.max())
    found.compare(where, "raised", numbers["raised"], raised[channel])
    found.compare(where, "sum", numbers["sum"], raised.sum())


def _check_pooled(found, where, shown, numbers, layer, taken, place):
    y, x, channel = place
    is_global = type(layer).__name__.startswith("Global") or not hasattr(layer, "pool_size")
    window = (taken if is_global else patch(layer, taken, y, x))[..., channel].reshape(-1)
    for one in shown:
        if one["what"] == "input" and not one["isPadding"]:
            found.compare(where, "input", float(one["value"]), window[int(one["place"])])
    if "sum" in numbers:
        found.compare(where, "sum", numbers["sum"], window.sum())


def _check_normalized(found, where, numbers, layer, taken, place):
    y, x, channel = place
    kind = type(layer).__name__
    if kind == "BatchNormalization":
        mean, variance = (as_numbers(one)[channel] for one in (layer.moving_mean, layer.moving_variance))
    else:
        read = taken[y, x]
        if kind == "GroupNormalization":
            each = taken.shape[2] // layer.groups
            read = taken[..., channel // each * each :][..., :each]
        mean = 0 if kind == "RMSNormalization" else read.mean()
        variance = ((read - mean) ** 2).mean()
    found.compare(where, "mean", numbers["mean"], mean)
    found.compare(where, "variance", numbers["variance"], variance)
    learned = {"gamma": "scale"} if kind == "RMSNormalization" else {"gamma": "gamma", "beta": "beta"}
    for name, variable in learned.items():
        if getattr(layer, variable, None) is not None:
            found.compare(where, name, numbers[name], as_numbers(getattr(layer, variable))[channel])


def _check_slope(found, where, numbers, layer, taken, place):
    slopes = as_numbers(layer.alpha)
    slopes = slopes[:, None] if slopes.ndim == 2 else slopes
    found.compare(where, "slope", numbers["slope"], np.broadcast_to(slopes, taken.shape)[place])


def _check_length(found, where, numbers, layer, taken, place):
    axes = np.atleast_1d(layer.axis)
    axes = tuple(axis - 1 if axis > 0 else axis for axis in axes)  # there is no batch here
    lengths = np.linalg.norm(taken, axis=axes[0], keepdims=True)
    found.compare(where, "norm", numbers["norm"], np.broadcast_to(lengths, taken.shape)[place])


MADE = {"normalized": _check_normalized, "sloped": _check_slope, "unit": _check_length}
"""Kind of working -> what compares the numbers beside the input and the output."""

AS_WRITTEN = {
    "normalized": lambda n: (
        (n["input"] - n["mean"]) / np.sqrt(n["variance"] + n["epsilon"]) * n.get("gamma", 1)
        + n.get("beta", 0)
    ),
    "scaled": lambda n: n["input"] * n["factor"] + n["shift"],
    "sloped": lambda n: n["input"] * (1 if n["input"] >= 0 else n["slope"]),
    "unit": lambda n: n["input"] / n["norm"],
    "off": lambda n: n["input"],
}
"""Kind of working -> the output, computed as the page writes it."""


def _check_moved(found, where, shown, taken, given):
    sources = [one for one in shown if one["what"] == "source"]
    if not sources:
        found.compare(where, "padding", 0.0, given)
        return
    (one,) = sources
    at = tuple(int(one[axis]) for axis in ("row", "column", "channel"))
    found.compare(where, "source", taken[int(one["input"])][at], given)


def _check_attention(found, where, shown, layer, taken, token):
    def heads(part, values):
        bias = 0 if part.bias is None else as_numbers(part.bias)
        return np.einsum("tc,chd->htd", values[:, 0], as_numbers(part.kernel)) + np.asarray(bias)[:, None]

    query, key = heads(layer._query_dense, taken[0]), heads(layer._key_dense, taken[-1])
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    for one in shown:
        if one["what"] == "weight":
            found.compare(
                where, "weight", float(one["value"]), weights[int(one["head"]), token, int(one["token"])]
            )
        if one["what"] == "sum":
            found.compare(where, "sum", float(one["value"]), 1.0)
