"""An oracle for an explanation's page: numbers are read from the page as a reader sees them, and made again.

What layers take and give is Keras's own (`keras.Model` up to each layer), windows are cut by
`keras.ops.image.extract_patches`, weights are read from the Keras layers; the rest is NumPy in float64.
"""

from dataclasses import dataclass, field

import keras
import numpy as np

READ = """
() => [...document.querySelectorAll("#working [data-what]")].map((one) => ({
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
KINDS = "JSON.parse(document.getElementById('data').textContent).layers.layers.map((one) => one.working.kind)"

WITHIN = 1e-4
"""Of the number, or of 1 where the number is smaller."""


@dataclass
class Check:
    """What was compared."""

    cells: int = 0
    numbers: int = 0
    worst: float = 0.0
    wrong: list = field(default_factory=list)
    kinds: dict = field(default_factory=dict)

    def compare(self, where, what, shown, made):
        error = abs(shown - made) / max(1.0, abs(made))
        self.numbers += 1
        self.worst = max(self.worst, error)
        if not error <= WITHIN:
            self.wrong.append((where, what, shown, float(made)))


class Oracle:
    """A flat Keras model's layers with what they take and give for one picture."""

    def __init__(self, model, image):
        self.layers = [one for one in model.layers if not isinstance(one, keras.layers.InputLayer)]
        wanted = [(one.input, one.output) for one in self.layers]
        found = keras.Model(model.inputs, wanted)(image[None].astype(np.float32))
        self.taken, self.given = {}, {}
        for layer, (taken, given) in zip(self.layers, found, strict=True):
            taken = taken if isinstance(taken, list | tuple) else [taken]
            self.taken[layer.name] = [self._cells(one) for one in taken]
            self.given[layer.name] = self._cells(given)

    @staticmethod
    def _cells(tensor):
        values = keras.ops.convert_to_numpy(tensor)[0].astype(np.float64)
        return values if values.ndim == 3 else values[:, None] if values.ndim == 2 else values[None, None]


def check(page, model, image, cells, seed=0):
    """Choose cells by chance and compare every number that the page writes about them."""
    oracle, random, found = Oracle(model, image), np.random.default_rng(seed), Check()
    by_name = {one.name: one for one in oracle.layers}
    names = page.evaluate(
        "[...document.querySelectorAll('#flow button .name')].map((one) => one.textContent)"
    )
    kinds = page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).layers.layers.map((one) => one.working.kind)"
    )
    order = np.concatenate([random.permutation(len(names)) for _ in range(-(-cells // len(names)))])[:cells]
    for index in np.sort(order):
        page.evaluate("(index) => document.querySelectorAll('#flow button')[index].click()", int(index))
        options = page.evaluate(CARRIED)
        k, channel = options["channel"][random.integers(len(options["channel"]))]
        y, x = (options[name][random.integers(len(options[name]))][0] for name in ("row", "column"))
        page.evaluate(CHOOSE, [k, y, x])
        shown, layer = page.evaluate(READ), by_name[names[index]]
        found.cells += 1
        found.kinds[type(layer).__name__] = found.kinds.get(type(layer).__name__, 0) + 1
        where = (names[index], kinds[index], y, x, channel)
        _check_cell(found, where, shown, layer, oracle, (y, x, channel))
        for one in shown:
            if one.get("value") is not None:
                found.compare(
                    where, "text of " + one["what"], float(one["text"].replace("−", "-")), float(one["value"])
                )
    return found


def _check_cell(found, where, shown, layer, oracle, place):
    y, x, channel = place
    taken, given = oracle.taken[layer.name], oracle.given[layer.name]
    numbers = {one["what"]: float(one["value"]) for one in shown if one.get("value") is not None}
    found.compare(where, "output", numbers["output"], given[y, x, channel])
    kind = where[1]
    if kind == "weighted":
        _check_weighted(found, where, shown, numbers, layer, taken[0], place)
    elif kind == "pooled":
        _check_pooled(found, where, shown, numbers, layer, taken[0], place)
    elif kind in ("activated", "off", "softmax"):
        found.compare(where, "input", numbers["input"], taken[0][y, x, channel])
        if kind == "softmax":
            _check_softmax(found, where, numbers, taken[0][y, x], channel)
    elif kind == "normalised":
        _check_normalised(found, where, numbers, layer, taken[0], place)
    elif kind == "scaled":
        found.compare(where, "input", numbers["input"], taken[0][y, x, channel])
        made = numbers["input"] * numbers["factor"] + numbers["shift"]
        found.compare(where, "factor and shift", made, given[y, x, channel])
    elif kind == "merged":
        inputs = [float(one["value"]) for one in shown if one["what"] == "input"]
        for value, one in zip(inputs, taken, strict=True):
            at = tuple(min(place[axis], one.shape[axis] - 1) for axis in range(3))
            found.compare(where, "input", value, one[at])
    elif kind == "moved":
        _check_moved(found, where, shown, taken, given[y, x, channel])
    elif kind == "attention":
        _check_attention(found, where, shown, layer, taken, y)
    else:
        raise AssertionError(f"{where}: {kind} is not recomputed")


def _patch(layer, taken, y, x):
    """(kh, kw, C) that a window reads, padding as 0."""
    size = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    dilation = getattr(layer, "dilation_rate", (1, 1))
    found = keras.ops.image.extract_patches(
        taken[None].astype(np.float32),
        tuple(size),
        strides=tuple(layer.strides),
        dilation_rate=dilation if tuple(dilation) != (1, 1) else 1,
        padding=layer.padding,
    )
    patches = keras.ops.convert_to_numpy(found)[0].astype(np.float64)
    return patches[y, x].reshape(*size, taken.shape[2])


def _check_weighted(found, where, shown, numbers, layer, taken, place):
    y, x, channel = place
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype(np.float64)
    if kernel.ndim == 2:
        window, weights, first = taken[y, x][None, None], kernel[None, None, :, channel], 0
    elif type(layer).__name__ == "DepthwiseConv2D":
        first = channel // kernel.shape[3]
        window = _patch(layer, taken, y, x)[..., first : first + 1]
        weights = kernel[:, :, first, channel % kernel.shape[3]][..., None]
    else:
        per_group, reads = kernel.shape[3] // layer.groups, kernel.shape[2]
        first = channel // per_group * reads
        window, weights = _patch(layer, taken, y, x)[..., first : first + reads], kernel[..., channel]
    products = window * weights
    flat = {"input": window.reshape(-1), "weight": weights.reshape(-1), "product": products.reshape(-1)}
    bias = 0.0 if layer.bias is None else float(keras.ops.convert_to_numpy(layer.bias)[channel])
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
        logits = taken[y, x] @ kernel + (0 if layer.bias is None else keras.ops.convert_to_numpy(layer.bias))
        _check_softmax(found, where, numbers, logits, channel)


def _check_softmax(found, where, numbers, logits, channel):
    raised = np.exp(logits - logits.max())
    found.compare(where, "raised", numbers["raised"], raised[channel])
    found.compare(where, "sum", numbers["sum"], raised.sum())


def _check_pooled(found, where, shown, numbers, layer, taken, place):
    y, x, channel = place
    is_global = type(layer).__name__.startswith("Global")
    window = (taken if is_global else _patch(layer, taken, y, x))[..., channel].reshape(-1)
    for one in shown:
        if one["what"] == "input" and not one["isPadding"]:
            found.compare(where, "input", float(one["value"]), window[int(one["place"])])
    if "sum" in numbers:
        found.compare(where, "sum", numbers["sum"], window.sum())


def _check_normalised(found, where, numbers, layer, taken, place):
    y, x, channel = place
    found.compare(where, "input", numbers["input"], taken[y, x, channel])
    as_numbers = keras.ops.convert_to_numpy
    if type(layer).__name__ == "BatchNormalization":
        mean, variance = as_numbers(layer.moving_mean)[channel], as_numbers(layer.moving_variance)[channel]
    else:
        read = taken[y, x]
        if type(layer).__name__ == "GroupNormalization":
            each = taken.shape[2] // layer.groups
            read = taken[..., channel // each * each :][..., :each]
        mean, variance = read.mean(), read.var()
    found.compare(where, "mean", numbers["mean"], mean)
    found.compare(where, "variance", numbers["variance"], variance)
    for name in ("gamma", "beta"):
        if getattr(layer, name, None) is not None:
            found.compare(where, name, numbers[name], as_numbers(getattr(layer, name))[channel])
    shown = (numbers["input"] - numbers["mean"]) / np.sqrt(numbers["variance"] + numbers["epsilon"])
    shown = shown * numbers.get("gamma", 1) + numbers.get("beta", 0)
    found.compare(where, "as written", shown, numbers["output"])


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
        kernel = keras.ops.convert_to_numpy(part.kernel).astype(np.float64)
        bias = 0 if part.bias is None else keras.ops.convert_to_numpy(part.bias)
        return np.einsum("tc,chd->htd", values[:, 0], kernel) + np.asarray(bias)[:, None]

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
