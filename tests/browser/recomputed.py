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
    calls, random, result = calls_of(model, image), np.random.default_rng(seed), Check()
    names, kinds = page.evaluate(NAMES), page.evaluate(KINDS)
    assert set(names) == set(calls)
    result.missed = {type(item.layer).__name__ for item in calls.values()}
    order = _order([type(calls[name].layer).__name__ for name in names], cells, random)
    for index in np.sort(order):
        page.evaluate("(index) => document.querySelectorAll('#flow button')[index].click()", int(index))
        options = page.evaluate(CARRIED)
        k, channel = options["channel"][random.integers(len(options["channel"]))]
        y, x = (options[name][random.integers(len(options[name]))][0] for name in ("row", "column"))
        page.evaluate(CHOOSE, [k, y, x])
        shown, call = page.evaluate(READ), calls[names[index]]
        result.cells += 1
        result.kinds.add(kinds[index])
        result.missed.discard(type(call.layer).__name__)
        where = (names[index], kinds[index], y, x, channel)
        _check_cell(result, where, shown, call, (y, x, channel))
        for item in shown:
            if item.get("value") is not None:
                result.compare(
                    where,
                    "text of " + item["what"],
                    float(item["text"].replace("−", "-")),
                    float(item["value"]),
                )
    return result


def _order(classes, cells, random):
    """Indices of layers by chance, so many; one of each class first, and none twice before all had their turn."""
    shuffled = random.permutation(len(classes))
    firsts = [next(i for i in shuffled if classes[i] == item) for item in sorted(set(classes))]
    rest = [i for i in shuffled if i not in firsts]
    again = [random.permutation(len(classes)) for _ in range(cells // len(classes))]
    return np.concatenate([firsts, rest, *again])[:cells].astype(int)


def _check_cell(result, where, shown, call, place):
    y, x, channel = place
    layer, inputs, output = call.layer, call.inputs, call.output
    numbers = {item["what"]: float(item["value"]) for item in shown if item.get("value") is not None}
    result.compare(where, "output", numbers["output"], output[y, x, channel])
    kind = where[1]
    if kind in ("activated", "off", "softmax", "scaled", "sloped", "unit", "normalized"):
        result.compare(where, "input", numbers["input"], inputs[0][y, x, channel])
    if kind == "weighted":
        _check_weighted(result, where, shown, numbers, layer, inputs[0], place)
    elif kind == "pooled":
        _check_pooled(result, where, shown, numbers, layer, inputs[0], place)
    elif kind == "softmax":
        _check_softmax(result, where, numbers, inputs[0][y, x], channel)
    elif kind in AS_WRITTEN:
        if kind in MADE:
            MADE[kind](result, where, numbers, layer, inputs[0], place)
        result.compare(where, "as written", AS_WRITTEN[kind](numbers), output[y, x, channel])
    elif kind == "merged":
        values = [float(item["value"]) for item in shown if item["what"] == "input"]
        for value, tensor in zip(values, inputs, strict=True):
            at = tuple(min(place[axis], tensor.shape[axis] - 1) for axis in range(3))
            result.compare(where, "input", value, tensor[at])
    elif kind == "moved":
        _check_moved(result, where, shown, inputs, output[y, x, channel])
    elif kind == "attention":
        _check_attention(result, where, shown, layer, inputs, y)
    elif kind == "other":
        assert set(numbers) == {"output"}
    else:
        assert kind == "activated", f"{where}: {kind} is not recomputed"


def _check_weighted(result, where, shown, numbers, layer, inputs, place):
    window, weights, first = window_and_weights(layer, inputs, place)
    products = window * weights
    flat = {"input": window.reshape(-1), "weight": weights.reshape(-1), "product": products.reshape(-1)}
    bias = 0.0 if layer.bias is None else as_numbers(layer.bias)[place[2]]
    result.compare(where, "products", numbers["products"], products.sum())
    for name, made in (("bias", bias), ("z", products.sum() + bias)):
        if name in numbers:
            result.compare(where, name, numbers[name], made)
    left = products.sum()
    for item in shown:
        if item["what"] not in flat or (item["group"] is None and "index" not in item):
            continue
        if item["group"] is not None:
            at = int(item["place"]) * window.shape[2] + int(item["group"]) - first
        else:
            at = int(item["index"])
        result.compare(where, item["what"], float(item["value"]), flat[item["what"]][at])
        left -= flat["product"][at] if item["what"] == "product" else 0
    if "others" in numbers:
        result.compare(where, "others", numbers["others"], left)
    for item in shown:
        if item["what"] == "channel-sum":
            made = products[..., int(item["group"]) - first].sum()
            result.compare(where, "channel-sum", float(item["value"]), made)
    if "raised" in numbers:
        units = [window_and_weights(layer, inputs, (*place[:2], unit)) for unit in range(layer.bias.shape[0])]
        logits = np.array([(item * of_it).sum() for item, of_it, _ in units]) + as_numbers(layer.bias)
        _check_softmax(result, where, numbers, logits, place[2])


def _check_softmax(result, where, numbers, logits, channel):
    raised = np.exp(logits - logits.max())
    result.compare(where, "raised", numbers["raised"], raised[channel])
    result.compare(where, "sum", numbers["sum"], raised.sum())


def _check_pooled(result, where, shown, numbers, layer, inputs, place):
    y, x, channel = place
    is_global = type(layer).__name__.startswith("Global") or not hasattr(layer, "pool_size")
    window = (inputs if is_global else patch(layer, inputs, y, x))[..., channel].reshape(-1)
    for item in shown:
        if item["what"] == "input" and not item["isPadding"]:
            result.compare(where, "input", float(item["value"]), window[int(item["place"])])
    if "sum" in numbers:
        result.compare(where, "sum", numbers["sum"], window.sum())


def _check_normalized(result, where, numbers, layer, inputs, place):
    y, x, channel = place
    kind = type(layer).__name__
    if kind == "BatchNormalization":
        mean, variance = (as_numbers(item)[channel] for item in (layer.moving_mean, layer.moving_variance))
    else:
        read = inputs[y, x]
        if kind == "GroupNormalization":
            each = inputs.shape[2] // layer.groups
            read = inputs[..., channel // each * each :][..., :each]
        mean = 0 if kind == "RMSNormalization" else read.mean()
        variance = ((read - mean) ** 2).mean()
    result.compare(where, "mean", numbers["mean"], mean)
    result.compare(where, "variance", numbers["variance"], variance)
    learned = {"gamma": "scale"} if kind == "RMSNormalization" else {"gamma": "gamma", "beta": "beta"}
    for name, variable in learned.items():
        if getattr(layer, variable, None) is not None:
            result.compare(where, name, numbers[name], as_numbers(getattr(layer, variable))[channel])


def _check_slope(result, where, numbers, layer, inputs, place):
    slopes = as_numbers(layer.alpha)
    slopes = slopes[:, None] if slopes.ndim == 2 else slopes
    result.compare(where, "slope", numbers["slope"], np.broadcast_to(slopes, inputs.shape)[place])


def _check_length(result, where, numbers, layer, inputs, place):
    axes = np.atleast_1d(layer.axis)
    axes = tuple(axis - 1 if axis > 0 else axis for axis in axes)  # there is no batch here
    lengths = np.linalg.norm(inputs, axis=axes[0], keepdims=True)
    result.compare(where, "norm", numbers["norm"], np.broadcast_to(lengths, inputs.shape)[place])


MADE = {"normalized": _check_normalized, "sloped": _check_slope, "unit": _check_length}
"""Kind of arithmetic -> what compares the numbers beside the input and the output."""

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
"""Kind of arithmetic -> the output, computed as the page writes it."""


def _check_moved(result, where, shown, inputs, output):
    sources = [item for item in shown if item["what"] == "source"]
    if not sources:
        result.compare(where, "padding", 0.0, output)
        return
    (item,) = sources
    at = tuple(int(item[axis]) for axis in ("row", "column", "channel"))
    result.compare(where, "source", inputs[int(item["input"])][at], output)


def _check_attention(result, where, shown, layer, inputs, token):
    def heads(part, values):
        bias = 0 if part.bias is None else as_numbers(part.bias)
        return np.einsum("tc,chd->htd", values[:, 0], as_numbers(part.kernel)) + np.asarray(bias)[:, None]

    query, key = heads(layer._query_dense, inputs[0]), heads(layer._key_dense, inputs[-1])
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    for item in shown:
        if item["what"] == "weight":
            result.compare(
                where, "weight", float(item["value"]), weights[int(item["head"]), token, int(item["token"])]
            )
        if item["what"] == "sum":
            result.compare(where, "sum", float(item["value"]), 1.0)
