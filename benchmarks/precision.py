"""Rounding error of every reduction over feature maps, ours beside Keras's own on torch, against float64.

    python benchmarks/precision.py [--sizes 32,112,224] [--batches 32,128] [--precisions float32,mixed_bfloat16]

Each case is a model of one layer (or a loss). Inputs and the gradient that arrives at its output are noise with a mean
other than zero, exact in the precision tested. Four kinds of results are compared: the output, what the layer learns of
the batch, the gradient of the input, those of the weights. The error of a kind is the norm of the difference from
float64's result by the norm of that result. Ours passes where it is at most twice Keras's, or at most FLOORS: the
rounding of a number or two. The table shows the kind with the largest ratio; the JSON file has all. The last rows train
a network of convolution, normalization, ReLU and pooling for one step: how far its kernel moved from where float64 puts
it, by how far it moved. Channels are few (`CHANNELS`), so that a case fits in 2 GB. Writes a dated page to
benchmarks/results/.
"""

import argparse
import datetime
import gc
import itertools
import shlex
import sys
from functools import partial
from pathlib import Path

import torch
from machine import hardware, origin_lines, table, versions, write_results

import tellapart
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.training.step import TrainStep

keras = import_keras()
layers = keras.layers
RESULTS = Path(__file__).parent / "results"
CHANNELS = {32: 16, 112: 8, 224: 4}
FLOORS = {"float32": 5e-7, "mixed_bfloat16": 2.0**-8}
TIMES = 2.0

LAYERS = {
    "BatchNormalization": lambda: layers.BatchNormalization(),
    "BatchNormalization, mean 100": lambda: layers.BatchNormalization(),
    "BatchNormalization, axis 1": lambda: layers.BatchNormalization(axis=1),
    "LayerNormalization": lambda: layers.LayerNormalization(),
    "LayerNormalization of maps": lambda: layers.LayerNormalization(axis=(1, 2, 3)),
    "GroupNormalization": lambda: layers.GroupNormalization(groups=2),
    "GroupNormalization by channel": lambda: layers.GroupNormalization(groups=-1),
    "RMSNormalization": lambda: layers.RMSNormalization(),
    "UnitNormalization of maps": lambda: layers.UnitNormalization(axis=(1, 2, 3)),
    "GlobalAveragePooling2D": lambda: layers.GlobalAveragePooling2D(),
    "GlobalAveragePooling1D": lambda: keras.Sequential(
        [layers.Reshape((-1, 4)), layers.GlobalAveragePooling1D()]
    ),
    "AveragePooling2D": lambda: layers.AveragePooling2D(8),
    "AdaptiveAveragePooling2D": lambda: layers.AdaptiveAveragePooling2D(2),
    "softmax over rows": lambda: layers.Softmax(axis=1),
    "ops.mean": lambda: lambda x: keras.ops.mean(x, axis=(1, 2)),
    "Conv2D 3x3": lambda: layers.Conv2D(4, 3, padding="same"),
    "Conv2D 1x1": lambda: layers.Conv2D(4, 1),
    "DepthwiseConv2D 3x3": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "DepthwiseConv2D 5x5": lambda: layers.DepthwiseConv2D(5, padding="same"),
    "SeparableConv2D": lambda: layers.SeparableConv2D(4, 3),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(4, 3, strides=2),
    "Dense on pixels": lambda: layers.Dense(4),
    "Dense on maps": lambda: keras.Sequential([layers.Flatten(), layers.Dense(4)]),
}


def one_layer(build, shape, precision):
    """Return a model of one layer in this dtype policy, its learned offsets other than zero."""
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    try:
        inputs = keras.Input(shape)
        model = keras.Model(inputs, build()(inputs))
    finally:
        keras.config.set_dtype_policy("float32")
    return model


def outcomes(run, model, x, upstream):
    """Return name -> result of a step through `run`, in float64."""
    x = x.clone().requires_grad_()
    weights = [variable.value for variable in model.trainable_variables]
    output = run(x, training=True)
    gradients = torch.autograd.grad(output, [x, *weights], upstream.to(output.dtype))
    statistics = [variable.value for variable in model.non_trainable_variables if variable.ndim]
    kinds = {"output": [output], "gradient of the input": gradients[:1]}
    kinds |= {"gradients of the weights": gradients[1:], "statistics": statistics}
    return {kind: torch.cat([t.detach().double().flatten() for t in ts]) for kind, ts in kinds.items() if ts}


def batch_normalized(x, gamma, beta, axis=3, epsilon=1e-3):
    """Return BatchNormalization's output and moving statistics after one step."""
    others = [d for d in range(4) if d != axis]
    mean, variance = x.mean(others, keepdim=True), x.var(others, correction=0, keepdim=True)
    y = (x - mean) / (variance + epsilon).sqrt()
    shape = [-1 if d == axis else 1 for d in range(4)]
    moved = torch.cat([0.01 * mean.flatten(), 0.99 + 0.01 * variance.flatten()])
    return y * gamma.reshape(shape) + beta.reshape(shape), moved.detach()


def layer_normalized(x, gamma, beta, dims=(3,), epsilon=1e-3):
    variance = x.var(dims, correction=0, keepdim=True)
    return (x - x.mean(dims, keepdim=True)) / (variance + epsilon).sqrt() * gamma + beta


def group_normalized(x, gamma, beta, groups):
    y = x.unflatten(3, (groups, -1))
    y = layer_normalized(y, 1.0, 0.0, dims=(1, 2, 4))
    return y.flatten(3) * gamma + beta


FORMULAS = {
    "BatchNormalization": batch_normalized,
    "BatchNormalization, mean 100": batch_normalized,
    "BatchNormalization, axis 1": lambda x, *weights: batch_normalized(x, *weights, axis=1),
    "LayerNormalization": layer_normalized,
    "LayerNormalization of maps": lambda x, *weights: layer_normalized(x, *weights, dims=(1, 2, 3)),
    "GroupNormalization": lambda x, *weights: group_normalized(x, *weights, groups=2),
    "GroupNormalization by channel": lambda x, *weights: group_normalized(x, *weights, groups=x.shape[3]),
    "RMSNormalization": lambda x, scale: x / (x.square().mean(3, keepdim=True) + 1e-6).sqrt() * scale,
    "UnitNormalization of maps": lambda x: x / x.square().sum((1, 2, 3), keepdim=True).sqrt(),
    "GlobalAveragePooling2D": lambda x: x.mean((1, 2)),
    "GlobalAveragePooling1D": lambda x: x.reshape(len(x), -1, 4).mean(1),
    "ops.mean": lambda x: x.mean((1, 2)),
    "Dense on pixels": lambda x, kernel, bias: x @ kernel + bias,
    "Dense on maps": lambda x, kernel, bias: x.flatten(1) @ kernel + bias,
}
"""What Keras computes in float32 even in its float64 policy, written out."""


def true_outcomes(name, build, before, x, upstream):
    """Return `outcomes` in float64."""
    if name not in FORMULAS:
        exact = build("float64")
        exact.set_weights(before)
        return outcomes(exact, exact, x.double(), upstream)
    model = build("float32")
    model.set_weights(before)
    weights = [v.value.detach().double().requires_grad_() for v in model.trainable_variables]
    x = x.double().requires_grad_()
    output, *statistics = result if isinstance(result := FORMULAS[name](x, *weights), tuple) else (result,)
    to_x, *to_weights = torch.autograd.grad(output, [x, *weights], upstream.double())
    kinds = {"output": [output], "gradient of the input": [to_x], "gradients of the weights": to_weights}
    kinds["statistics"] = statistics
    return {kind: torch.cat([t.detach().flatten() for t in ts]) for kind, ts in kinds.items() if ts}


def error(found, truth):
    return float((found - truth).norm() / truth.norm())


def compare(name, size, batch, precision):
    """Return kind -> (our error, Keras's error) of one layer."""
    shape = (size, size, CHANNELS[size])
    build = partial(one_layer, LAYERS[name], shape)
    model = build(precision)
    before, generator = model.get_weights(), torch.Generator().manual_seed(0)
    x = torch.randn(batch, *shape, generator=generator).add_(100 if "100" in name else 0.5)
    upstream = torch.randn(model.compute_output_shape((batch, *shape)), generator=generator).add_(0.3)
    if precision != "float32":
        x, upstream = x.bfloat16().float(), upstream.bfloat16().float()
    truth = true_outcomes(name, build, before, x, upstream)
    found = []
    for run in (lower(model), model):
        model.set_weights(before)
        results = outcomes(run, model, x, upstream)
        found.append({kind: error(results[kind], value) for kind, value in truth.items()})
        gc.collect()
    return {kind: (found[0][kind], found[1][kind]) for kind in truth}


def compare_losses(name, batch):
    """Return the errors of a loss of `batch` images and ten classes, and of its gradient."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, 10, generator=generator)
    targets = torch.eye(10)[torch.arange(batch) % 10]
    model = keras.Sequential([keras.Input((10,)), layers.Softmax()])
    model.compile("sgd", name)
    losses = {
        "truth": lambda x: -(targets.double() * x.log_softmax(1)).sum(1).mean(),
        "ours": lambda x: TrainStep(lower(model)).loss(x, targets, lower(model)(x), None),
        "keras": lambda x: model.compute_loss(x, targets, model(x)),
    }
    found = {}
    for who, loss_of in losses.items():
        x = (logits.double() if who == "truth" else logits.clone()).requires_grad_()
        loss = loss_of(x)
        gradient = torch.autograd.grad(loss, x)[0]
        found[who] = {"output": loss.detach().double().flatten(), "gradient of the input": gradient.double()}
    return {
        kind: (error(found["ours"][kind], truth), error(found["keras"][kind], truth))
        for kind, truth in found["truth"].items()
    }


def movement(size, batch):
    """Return the errors of a kernel's movement in one step of SGD."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(batch, size, size, 3, generator=generator), torch.arange(batch) % 4
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    before = model.get_weights()
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    moved = []
    for fit in (tellapart.fit, keras.Model.fit):
        model.set_weights(before)
        fit(model, x, y, batch_size=batch, epochs=1, shuffle=False, verbose=0)
        moved.append(torch.from_numpy(model.get_weights()[0] - before[0]).double())
        gc.collect()
    truth = true_movement(x.double(), y, [torch.from_numpy(w).double() for w in before])
    return {"movement of the kernel": (error(moved[0], truth), error(moved[1], truth))}


def true_movement(x, y, weights):
    kernel, gamma, beta, _, _, dense, bias = weights
    kernel.requires_grad_()
    maps = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), padding=1)
    maps = batch_normalized(maps.permute(0, 2, 3, 1), gamma, beta)[0].relu()
    loss = torch.nn.functional.cross_entropy(maps.mean((1, 2)) @ dense + bias, y)
    return -torch.autograd.grad(loss, kernel)[0]


def row_of(name, size, batch, precision, errors):
    """Return a row of the table: the kind of result with the largest ratio above the floor."""
    floor = FLOORS[precision]
    worst = max(errors, key=lambda kind: max(errors[kind][0], floor) / max(errors[kind][1], floor))
    ours, theirs = errors[worst]
    passes = all(ours <= max(TIMES * theirs, floor) for ours, theirs in errors.values())
    return {
        "what": name,
        "size": size,
        "batch": batch,
        "precision": precision,
        "result": worst,
        "ours": f"{ours:.1e}",
        "Keras": f"{theirs:.1e}",
        "passes": "yes" if passes else "NO",
    }


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="32,112,224", metavar="A,B", help="sides of the maps, in pixels")
    parser.add_argument("--batches", default="32,128", metavar="A,B")
    parser.add_argument("--precisions", default="float32,mixed_bfloat16", metavar="A,B")
    parser.add_argument("--only", default="", metavar="TEXT", help="layers whose name contains it")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write")
    return parser.parse_args(arguments)


def cases(options):
    """Yield (name, size, batch, precision, function that measures it)."""
    sizes, batches = ([int(n) for n in text.split(",")] for text in (options.sizes, options.batches))
    for precision, size, batch in itertools.product(options.precisions.split(","), sizes, batches):
        for name in LAYERS:
            yield name, size, batch, precision, lambda *case: compare(*case)
        if precision == "float32":
            yield "one step of SGD", size, batch, precision, lambda _, size, batch, __: movement(size, batch)
    for name in ("categorical_crossentropy",):
        yield name, 1, 2000, "float32", lambda name, _, batch, __: compare_losses(name, batch)


def main(arguments):
    options = parse(arguments)
    now, machine, rows, errors = datetime.datetime.now().astimezone(), hardware(), [], []
    for name, size, batch, precision, measure in cases(options):
        if options.only not in name:
            continue
        found = measure(name, size, batch, precision)
        rows.append(row_of(name, size, batch, precision, found))
        errors.append({"what": name, "size": size, "batch": batch, "precision": precision, "errors": found})
        print(*rows[-1].values(), sep=" | ", flush=True)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": shlex.join(["python", "benchmarks/precision.py", *arguments]),
        "hardware": machine,
        "versions": versions(),
        "floors": FLOORS,
        "summary": rows,
        "errors (ours, Keras's)": errors,
    }
    failed = sum(row["passes"] == "NO" for row in rows)
    page = "\n".join(
        [
            f"# Rounding errors of reductions over maps, {record['date']}",
            "",
            f"{len(rows)} cases; {failed} are neither within {TIMES:g} times Keras's error nor below the floor "
            f"({FLOORS['float32']:.0e} in float32, {FLOORS['mixed_bfloat16']:.1e} in bfloat16).",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )
    write_results(options.results, "precision", now, page, record)


if __name__ == "__main__":
    main(sys.argv[1:])
