"""One `fit` call of an example, made three times from the same weights: by Keras, by Keras from weights that differ
in their last bits, and by tellapart.

The second is the control: training amplifies rounding, so two correct engines may differ by as much as Keras
differs from itself when its weights start 1e-7 apart.

Knows nothing of where an example comes from or what it trains on.
"""

import os
import statistics
import time
import warnings

import keras
import numpy as np
import torch

import tellapart
from tellapart.keras_internals import nested_layers
from tellapart.lowering import lower

STEPS = 3
"""Batches of each training whose weights are compared."""

PROBE_ROWS, STEP_SECONDS, UNTIMED_ROWS = 2, 0.3, 8
"""A batch is cut so that one step of Keras takes about STEP_SECONDS, estimated on PROBE_ROWS rows."""

ROUNDING = 2.0**-23
"""A distance that float32 cannot express: one unit in the last place."""

ROUNDS, TIMING_SECONDS = 5, 4.0
"""Trainings of each engine that are timed, in turn: fewer where they would take longer than that together."""

KERAS_FIT, KERAS_EVALUATE = keras.Model.fit, keras.Model.evaluate


class Batches(keras.utils.PyDataset):
    """The same batches every time, in the same order."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class StepTimes(keras.callbacks.Callback):
    """Seconds of each step but the first, in which a step may be built."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002
        self.begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        if batch:
            self.seconds.append(time.perf_counter() - self.begin)


def compare(model, x, y, sample_weight, batch_size, class_weight, *, timed):
    """Train `model` by Keras, as a control and by tellapart; then time both.

    Args:
        model: compiled; its weights are afterwards those that Keras's training left.
        x: whatever `fit` takes.
        y: targets, or None.
        sample_weight: one number per example, or None.
        batch_size: of arrays.
        class_weight: as `fit` takes it.
        timed: whether the speeds are compared too.

    Returns:
        The facts of one row, for JSON, and Keras's History.
    """
    whole = first_batches(x, y, sample_weight, batch_size or 32)
    own_rows = rows_of(whole[0])
    options = {"verbose": 0, "shuffle": False, "class_weight": class_weight}
    facts = {
        "model": model.name,
        "kind": type(model).__name__,
        "optimizer": type(model.optimizer).__name__,
        "policy": keras.config.dtype_policy().name,
        "rows_of_the_example": own_rows,
        "shapes": keras.tree.flatten(keras.tree.map_structure(lambda array: str(array.shape), whole[0])),
        "own_train_step": type(model).train_step is not keras.Model.train_step,
    }
    try:
        probe, _ = train(KERAS_FIT, model, cut(whole[:2], PROBE_ROWS), options)  # also builds the model
    except Exception as error:  # whatever Keras raises is the finding
        return only_ours(model, facts, error, cut(whole, PROBE_ROWS), options)
    affordable = int(PROBE_ROWS * STEP_SECONDS / min(probe))
    facts["rows"] = min(own_rows, max(PROBE_ROWS, affordable), own_rows if timed else UNTIMED_ROWS)
    facts["parameters"] = model.count_params()
    batches = cut(whole, facts["rows"])
    if facts["own_train_step"]:
        _, history = train(tellapart.fit, model, batches, options)
        return facts | {"loss": history.history.get("loss")}, history
    facts["layers"] = [[row.name, row.kind, row.lowered] for row in lower(model).report()]
    facts |= compare_weights(model, batches, options)
    history = facts.pop("history")
    if not facts["equal"] and (quiet := silence_dropout(model)):
        facts["with_masks"] = facts["weights"]
        facts |= compare_weights(model, batches, options)
        facts.pop("history")
        for layer, name, rate in quiet:
            setattr(layer, name, rate)
    if not timed:
        return facts, history
    return facts | compare_speed(model, batches, options), history


def only_ours(model, facts, error, batches, options):
    """Return the facts of a model that Keras cannot train, and whether tellapart can; raise if neither can."""
    try:
        if facts["own_train_step"]:
            raise error
        _, history = train(tellapart.fit, model, batches, options)
    except Exception:
        raise error from None
    layers = [[row.name, row.kind, row.lowered] for row in lower(model).report()]
    message = f"{type(error).__name__}: {error}"[:300]
    return facts | {"keras_fails": message, "parameters": model.count_params(), "layers": layers}, history


def evaluate(model, x=None, y=None, *_, return_dict=False, **__):
    """Return what `evaluate` returns, over a few rows."""
    return KERAS_EVALUATE(
        model, Batches(cut(first_batches(x, y, None, 32)[:1], PROBE_ROWS)), verbose=0, return_dict=return_dict
    )


def compare_weights(model, batches, options):
    """Return how far tellapart and the control end from Keras, as shares of the size of all weights."""
    start = State(model)
    _, history = train(KERAS_FIT, model, batches, options)
    theirs, losses = State(model), history.history.get("loss")
    start.restore(perturbed=True)
    train(KERAS_FIT, model, batches, options)
    control = State(model)
    start.restore()
    _, our_history = train(tellapart.fit, model, batches, options)
    ours = State(model)
    start.restore()
    weights = {
        "ours": distance(ours, theirs),
        "control": distance(control, theirs),
        "moved": distance(start, theirs),
        "worst": worst(ours, theirs, control),
    }
    equal = weights["ours"] <= max(3 * weights["control"], ROUNDING)
    return {
        "weights": weights,
        "equal": equal,
        "loss": losses,
        "our_loss": our_history.history.get("loss"),
        "history": history,
    }


def compare_speed(model, batches, options):
    """Return the seconds of each step of both engines, in turn."""
    times = {"keras": [], "tellapart": []}
    started = time.perf_counter()
    for done in range(ROUNDS):
        if done and (time.perf_counter() - started) * (done + 1) / done > TIMING_SECONDS:
            break
        for name, fit in (("keras", KERAS_FIT), ("tellapart", tellapart.fit)):
            times[name] += train(fit, model, batches, options)[0]
    theirs, ours = statistics.median(times["keras"]), statistics.median(times["tellapart"])
    return {"seconds": times, "speedup": theirs / ours, "load": os.getloadavg()[0]}


def train(fit, model, batches, options):
    """Return the seconds of the steps but the first, and the History."""
    keras.utils.set_random_seed(1)
    times = StepTimes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = fit(model, Batches(batches), callbacks=[times], **options)
    return times.seconds, history


class State:
    """Weights, random generators and optimizer of a model."""

    def __init__(self, model):
        self.variables = list({id(v): v for v in (*model.variables, *model.optimizer.variables)}.values())
        self.values = [variable.value.detach().clone() for variable in self.variables]
        self.weights = {id(weight) for weight in model.weights if "float" in weight.dtype}

    def restore(self, perturbed=False):
        """Set everything back; with `perturbed`, weights 1e-7 of themselves away."""
        random = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for variable, value in zip(self.variables, self.values, strict=True):
                if perturbed and id(variable) in self.weights:
                    sign = torch.randint(0, 2, value.shape, generator=random) * 2 - 1
                    value = value * (1 + 1e-7 * sign)
                variable.value.copy_(value)

    def numbers(self):
        """Return the weights alone, by their paths, in double precision."""
        pairs = zip(self.variables, self.values, strict=True)
        return [(v.path, value.double()) for v, value in pairs if id(v) in self.weights]


def distance(first, second):
    """Return the norm of the difference over the norm of the second, over all weights at once."""
    pairs = list(zip(first.numbers(), second.numbers(), strict=True))
    apart = sum(float(((a - b) ** 2).sum()) for (_, a), (_, b) in pairs)
    return (apart / max(sum(float((b**2).sum()) for _, (_, b) in pairs), 1e-30)) ** 0.5


def worst(ours, theirs, control):
    """Return the three weights that exceed the control by most, as [path, ours, control]; for the record."""
    rows = []
    for (path, a), (_, b), (_, c) in zip(ours.numbers(), theirs.numbers(), control.numbers(), strict=True):
        size = max(float(b.norm()), 1e-12)
        rows.append([path, float((a - b).norm()) / size, float((c - b).norm()) / size])
    return sorted(rows, key=lambda row: row[2] - row[1])[:3]


def silence_dropout(model):
    """Set every dropout rate to 0; return a list of (object, attribute, rate before)."""
    before = []
    for layer in nested_layers(model):
        for name in ("rate", "_dropout"):  # the second: of attention, whose path depends on it
            value = getattr(layer, name, None)
            if "Random" not in type(layer).__name__ and isinstance(value, float) and value:
                before.append((layer, name, value))
                setattr(layer, name, 0.0)
    return before


def first_batches(x, y, sample_weight, batch_size):
    """Return the first STEPS batches of whatever `fit` takes, as tuples of NumPy arrays."""
    if hasattr(x, "as_numpy_iterator"):  # tf.data
        batches = list(x.take(STEPS).as_numpy_iterator())
    elif isinstance(x, keras.utils.PyDataset):
        batches = [x[index] for index in range(min(STEPS, len(x)))]
    elif hasattr(x, "__next__") or isinstance(x, torch.utils.data.DataLoader):
        batches = [batch for batch, _ in zip(x, range(STEPS), strict=False)]
    else:
        parts = (x, y, sample_weight) if sample_weight is not None else (x, y) if y is not None else (x,)
        total = len(keras.tree.flatten(x)[0])
        size = min(batch_size, total // STEPS) or 1

        def piece(begin):
            return keras.tree.map_structure(lambda array: np.asarray(array[begin : begin + size]), parts)

        batches = [piece(begin) for begin in range(0, size * STEPS, size)]
    batches = [tuple(batch) if isinstance(batch, tuple | list) else (batch,) for batch in batches]
    if not batches:
        raise ValueError("The example's data has no whole batch.")
    while len(batches) < STEPS:
        batches.append(batches[-1])
    return [keras.tree.map_structure(as_array, batch) for batch in batches]


def as_array(value):
    """Return a tensor of any library as a NumPy array."""
    return value.detach().cpu().numpy() if torch.is_tensor(value) else np.asarray(value)


def rows_of(batch):
    return len(keras.tree.flatten(batch)[0])


def cut(batches, rows):
    return [keras.tree.map_structure(lambda array: array[:rows], batch) for batch in batches]
