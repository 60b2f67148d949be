"""Prediction speed against onnxruntime with the same network, and how often the predicted classes agree.

    pip install onnxruntime onnx
    python benchmarks/predict_vs_onnxruntime.py CIFAR_FOLDER --models FOLDER

CIFAR_FOLDER holds the six `.bin` files of CIFAR-10's binary version. The networks are the built-in model
(`cifar10`, by the recipe `fast`), without test-time augmentation, and the tutorial's, kept in FOLDER as
`first_cnn.keras`. If that file is missing, the network is first trained for a few hundred steps; random weights
would say nothing about agreement.

Method: all contestants predict the 10,000 test images, uint8, in one process with the same number of threads.
onnxruntime runs the lowered network in float32, exported by torch, with all graph optimizations and the fastest
of several batch sizes, its threads spinning or not, chosen beforehand. Then the contestants take turns; the order
rotates by one each round. Ratios are medians of the ratios within each round, which a busy machine disturbs less
than the speeds themselves. Use a quiet machine: the load before the run is recorded.

The margin of uncertain predictions (`tellapart.inference.refine.MARGIN`) was chosen with `--margins`, on *training*
images.

Prints a page and writes it, with every single measurement, to benchmarks/results/.
"""

import argparse
import datetime
import io
import itertools
import json
import os
import platform
import statistics
import sys
import time
import warnings
from collections import deque
from importlib import metadata
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

RESULTS = Path(__file__).parent / "results"
BATCHES = (32, 64, 128, 250, 500)
STEPS, BATCH = 300, 128
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def read_pictures(folder, names):
    """Return images (N, 32, 32, 3) and labels (N,) of CIFAR-10's binary files."""
    rows = np.concatenate([np.fromfile(folder / f"{name}.bin", np.uint8).reshape(-1, 3073) for name in names])
    pictures = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), rows[:, 0].astype(np.int64)


def train(path, folder):
    """Train the tutorial's network for a few hundred steps, in bfloat16, and save it as tellapart does."""
    import tellapart
    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.model_file import save_keras
    from tellapart.data.preprocess import Preprocessing
    from tellapart.keras_backend import import_keras
    from tellapart.models.first_cnn import first_cnn

    keras = import_keras()
    pictures, labels = read_pictures(folder, [f"data_batch_{number}" for number in range(1, 6)])
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = first_cnn((32, 32, 3), 10)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    tellapart.fit(model, pictures, labels, batch_size=BATCH, epochs=1, steps_per_epoch=STEPS, verbose=2)
    keras.config.set_dtype_policy("float32")
    plain = first_cnn((32, 32, 3), 10)
    plain.set_weights(model.get_weights())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_keras(plain, path, ModelCard(CLASSES, Preprocessing(height=32, width=32), {}))


def exported(model):
    """Return the lowered network as ONNX, for any batch size."""
    import torch

    from tellapart.lowering import lower

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = lower(model, "float32")

        def forward(self, images):
            return self.net(images, training=False)

    file, example = io.BytesIO(), torch.zeros(4, 32, 32, 3, dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain().eval(), (example,), file, dynamo=False, opset_version=20,
            input_names=["images"], output_names=["answers"],
            dynamic_axes={"images": {0: "n"}, "answers": {0: "n"}},
        )  # fmt: skip
    return file.getvalue()


def peer(onnx, threads, batch, *, spinning):
    """Return a function that predicts all images with onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def predict(pictures):
        parts = [pictures[start : start + batch] for start in range(0, len(pictures), batch)]
        return np.concatenate([session.run(None, {"images": part})[0] for part in parts])

    return predict


def timed(predict, pictures):
    """Return images per second, and the predictions."""
    start = time.perf_counter()
    predictions = predict(pictures)
    return len(pictures) / (time.perf_counter() - start), predictions


def fastest_peer(onnx, threads, pictures):
    """Return the settings of onnxruntime that were fastest in the better of two tries, and their function."""
    settings = list(itertools.product(BATCHES, (True, False)))
    ways = {setting: peer(onnx, threads, setting[0], spinning=setting[1]) for setting in settings}
    speeds = dict.fromkeys(settings, 0.0)
    for _, setting in itertools.product(range(2), settings):
        speeds[setting] = max(speeds[setting], timed(ways[setting], pictures)[0])
    best = max(speeds, key=speeds.get)
    say(f"onnxruntime's best: batches of {best[0]}, threads {'spinning' if best[1] else 'sleeping'}")
    return best, ways[best]


def measure(path, pictures, labels, threads, rounds):
    """Measure one network: speeds of every round, ratios, agreement and accuracy."""
    import tellapart
    from tellapart.inference.keras_file import read_stored_net

    classifier = tellapart.load(path)
    onnx = exported(classifier.model)
    setting, predict_by_peer = fastest_peer(onnx, threads, pictures[:1000])
    ways = {
        "onnxruntime float32": predict_by_peer,
        "tellapart float32": lambda images: classifier.probabilities(images, tta_views=1),
        "tellapart bfloat16": lambda images: classifier.probabilities(
            images, tta_views=1, precision="bfloat16"
        ),
    }
    predictions = {
        name: timed(way, pictures)[1] for name, way in ways.items()
    }  # this also warms up all contestants
    speeds, order = {name: [] for name in ways}, deque(ways)
    for number in range(rounds):
        for name in order:
            speeds[name].append(timed(ways[name], pictures)[0])
        order.rotate(-1)
        say(f"round {number + 1}: " + ", ".join(f"{name} {speeds[name][-1]:.0f}" for name in ways))
    reference = predictions["tellapart float32"]
    net = read_stored_net(path)
    plain = np.concatenate([unfolded_predictions(net, part) for part in np.array_split(pictures, 40)])
    return {
        "network": path.stem,
        "onnxruntime": {"batch": setting[0], "spinning": setting[1]},
        "pictures_per_second": speeds,
        "ratio_of_medians": {n: median(speeds[n]) / median(speeds["onnxruntime float32"]) for n in ways},
        "median_ratio": {n: median(ratios(speeds, n)) for n in ways},
        "lowest_and_highest_ratio": {n: [min(ratios(speeds, n)), max(ratios(speeds, n))] for n in ways},
        "agreement": {n: float((predictions[n].argmax(1) == reference.argmax(1)).mean()) for n in ways},
        "accuracy": {n: float((predictions[n].argmax(1) == labels).mean()) for n in ways},
        "largest_difference_from_the_plain_net": {
            n: float(np.abs(predictions[n] - plain).max()) for n in ways
        },
    }


def unfolded_predictions(net, pictures):
    import torch

    with torch.inference_mode():
        return net(torch.from_numpy(pictures)).numpy()


def ratios(speeds, name):
    pairs = zip(speeds[name], speeds["onnxruntime float32"], strict=True)
    return [ours / theirs for ours, theirs in pairs]


median = statistics.median


def margins(path, pictures):
    """Print how many images change class in bfloat16, their margins, and how many each margin recomputes."""
    import torch

    from tellapart.inference.folded_net import inference_net
    from tellapart.inference.keras_file import read_stored_net
    from tellapart.inference.refine import margin_of

    stored = read_stored_net(path)
    predictions = []
    for precision in ("float32", "bfloat16"):
        net = inference_net(stored, precision)
        with torch.inference_mode():
            parts = [net(torch.from_numpy(part)).numpy() for part in np.array_split(pictures, 40)]
        predictions.append(np.concatenate(parts))
    exact, low = predictions
    changed, margins = exact.argmax(1) != low.argmax(1), margin_of(low)
    say(f"{path.stem}: {changed.sum()} of {len(low)} training pictures change class in bfloat16;")
    say(
        f"  the largest margin among them, between the two most likely classes: {margins[changed].max(initial=0):.3f}"
    )
    for margin in (0.02, 0.05, 0.07, 0.1, 0.2):
        left = int((changed & (margins >= margin)).sum())
        say(f"  margin {margin}: {(margins < margin).mean():.2%} recomputed, {left} changes left")


def report(record):
    """Return the Markdown page of a run."""
    lines = [
        f"# Predicting, tellapart and onnxruntime, {record['date']}",
        "",
        f"{record['pictures']} test pictures of CIFAR-10 (32 x 32 x 3, uint8), {record['threads']} threads,",
        f"{record['rounds']} rounds in turn. Pictures per second; the ratio is tellapart to onnxruntime within each",
        "round, median (lowest to highest). Agreement: same class as tellapart in float32. Difference: the largest",
        "difference of any probability from the unfolded lowered net.",
        "",
        "| network | | median | min | max | ratio | agreement | accuracy | difference |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in record["networks"]:
        for name, speeds in row["pictures_per_second"].items():
            low, high = row["lowest_and_highest_ratio"][name]
            lines.append(
                f"| {row['network']} | {name} | {median(speeds):.0f} | {min(speeds):.0f} | {max(speeds):.0f} | "
                f"{row['median_ratio'][name]:.2f} ({low:.2f} to {high:.2f}) | {row['agreement'][name]:.2%} | "
                f"{row['accuracy'][name]:.2%} | {row['largest_difference_from_the_plain_net'][name]:.1e} |"
            )
    settings = [
        f"{row['network']}: batches of {row['onnxruntime']['batch']}, threads "
        f"{'spinning' if row['onnxruntime']['spinning'] else 'sleeping'}"
        for row in record["networks"]
    ]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return "\n".join(
        [
            *lines,
            "",
            f"- onnxruntime's best settings: {'; '.join(settings)}",
            f"- Processor: {record['processor']}, {os.cpu_count()} logical cores; load before: {record['load_before']}",
            f"- Python {platform.python_version()}, {versions}",
            f"- Command: `{record['command']}`",
            "",
            "The JSON file beside this page has every single measurement.",
            "",
        ]
    )


def processor():
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))
    }
    flags = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in facts.get("flags", "").split()]
    return " ".join([facts.get("model name", platform.machine()), *flags])


def say(line):
    print(line, flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cifar", type=Path, metavar="CIFAR_FOLDER")
    parser.add_argument("--models", type=Path, required=True, metavar="FOLDER", help="the trained networks")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="measurements of each (7)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of each contestant (2)")
    parser.add_argument("--pictures", type=int, default=10_000, metavar="N", help="number of images (10000)")
    parser.add_argument(
        "--margins", action="store_true", help="only print the figures that the margin was chosen by"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    import torch

    from tellapart.models.pretrained import pretrained_model

    torch.set_num_threads(options.threads)
    tutorial = options.models / "first_cnn.keras"
    if not tutorial.exists():
        train(tutorial, options.cifar)
    paths = [tutorial, pretrained_model("cifar10")]
    if options.margins:
        for path in paths:
            margins(path, read_pictures(options.cifar, ["data_batch_1"])[0])
        return
    load, now = list(os.getloadavg()), datetime.datetime.now().astimezone()
    pictures, labels = (some[: options.pictures] for some in read_pictures(options.cifar, ["test_batch"]))
    networks = [measure(path, pictures, labels, options.threads, options.rounds) for path in paths]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": " ".join(["python benchmarks/predict_vs_onnxruntime.py CIFAR_FOLDER", *sys.argv[2:]]),
        "processor": processor(),
        "load_before": load,
        "versions": {name: metadata.version(name) for name in ("torch", "keras", "onnxruntime", "numpy")},
        "threads": options.threads,
        "rounds": options.rounds,
        "pictures": len(pictures),
        "networks": networks,
    }
    page = options.results / f"predict_vs_onnxruntime-{now:%Y-%m-%d-%H%M}.md"
    page.write_text(report(record))
    page.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    say(report(record))


if __name__ == "__main__":
    main(sys.argv[1:])
