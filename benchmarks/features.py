"""Answering at 224 pixels: photos per second of a frozen backbone, against onnxruntime and plain PyTorch.

    pip install onnx onnxruntime efficientnet-lite-pytorch
    python benchmarks/features.py PHOTOS

PHOTOS is a folder of photos, searched with its subfolders. The backbone is EfficientNet-Lite0 with its ImageNet
weights, from uint8 (N, 224, 224, 3) to 1,000 probabilities, by the same number of threads:

- tellapart, in float32 and in bfloat16, where uncertain images are predicted again in float32;
- tellapart's 1,280 features, in both, from which a head for one's own classes answers;
- onnxruntime in float32: an independent implementation (`efficientnet_lite_pytorch`) with batch normalization folded,
  exported by torch, at the fastest of several batch sizes, in one session of all threads or one session a thread;
- plain PyTorch: the same implementation as it is, channels_last, batches of 8.

MobileNetV2 and ResNet-50 of keras.applications run with random weights, folded anew for each call as
`Classifier.probabilities` does, but without predicting uncertain images again: with random weights all are uncertain.

Method: contestants take turns, in an order that rotates by one each round; ratios are medians of the ratios within
each round, which a busy machine disturbs less than the speeds, and the processor time less still. Agreement: how
many of the photos, and of crops of them (random place, size, mirroring and brightness), have the same likeliest class
as in float32: of the 1,000, and, by the features and a ridge regression on the photos, of the folders' names.

Prints a page and writes it, with every single measurement, to benchmarks/results/.
"""

import argparse
import copy
import datetime
import io
import itertools
import os
import sys
import time
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from machine import hardware, origin_lines, versions, write_results

RESULTS = Path(__file__).parent / "results"
SIDE = 224
BATCHES = (1, 8, 64)
BASELINE = "onnxruntime float32"
SUFFIXES = (".jpg", ".jpeg", ".png")


def read_photos(folder, most):
    """Return photos as uint8 (N, 224, 224, 3), the middle square of each, and the names of their folders."""
    from tellapart.data.decode import load_image
    from tellapart.data.preprocess import Preprocessing

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    paths = [paths[number] for number in np.random.default_rng(0).permutation(len(paths))[:most]]
    apply = Preprocessing(height=SIDE, width=SIDE).apply
    return np.stack([apply(load_image(path)[1].pixels) for path in paths]), [
        path.parent.name for path in paths
    ]


def crops(photos, count):
    """Return random crops of photos, enlarged to their size again, some mirrored, darker or brighter."""
    random, results = np.random.default_rng(0), []
    for number in range(count):
        photo = photos[number % len(photos)]
        side = int(SIDE * random.uniform(0.5, 1))
        top, left = random.integers(0, SIDE - side + 1, 2)
        part = torch.from_numpy(photo[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None]
        part = torch.nn.functional.interpolate(part.float(), (SIDE, SIDE), mode="bilinear", antialias=True)
        part = (part * random.uniform(0.7, 1.3)).clamp(0, 255).round().byte()[0].permute(1, 2, 0).numpy()
        results.append(part[:, ::-1] if random.random() < 0.5 else part)
    return np.stack(results)


class Peer(torch.nn.Module):
    """The independent implementation: pixels 0-255 -> probabilities."""

    def __init__(self):
        super().__init__()
        import efficientnet_lite_pytorch

        from tellapart.models.backbones import weights_file

        self.net = efficientnet_lite_pytorch.EfficientNet.from_name("efficientnet-lite0").eval()
        self.net.load_state_dict(torch.load(weights_file("lite0"), weights_only=True))
        self.net.to(memory_format=torch.channels_last)

    def forward(self, images):
        return self.net((images.permute(0, 3, 1, 2).float() - 127) / 128).softmax(1)


def exported(peer):
    """Return the independent implementation as ONNX; torch's exporter folds batch normalization, in place."""
    file = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            copy.deepcopy(peer), (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),), file, dynamo=False,
            opset_version=17, input_names=["images"], output_names=["probabilities"],
            dynamic_axes={"images": {0: "n"}, "probabilities": {0: "n"}},
        )  # fmt: skip
    return file.getvalue()


def onnx_predictor(onnx, threads, batch, sessions):
    """Return a function that predicts all images with onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads // sessions
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    made = [
        onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        for _ in range(sessions)
    ]

    def by(session, images):
        parts = [images[start : start + batch] for start in range(0, len(images), batch)]
        return np.concatenate([session.run(None, {"images": part})[0] for part in parts])

    if sessions == 1:
        return lambda images: by(made[0], images)
    pool = ThreadPoolExecutor(sessions)
    return lambda images: np.concatenate(list(pool.map(by, made, np.array_split(images, sessions))))


def fastest_of_onnxruntime(onnx, threads, images):
    """Return the settings of onnxruntime that were fastest in the better of three tries, and their function."""
    settings = list(itertools.product(BATCHES, (1, threads)))
    ways = {setting: onnx_predictor(onnx, threads, *setting) for setting in settings}
    speeds = dict.fromkeys(settings, 0.0)
    for _, setting in itertools.product(range(3), settings):
        speeds[setting] = max(speeds[setting], timed(ways[setting], images)[0])
    best = max(speeds, key=speeds.get)
    tried = {
        f"batches of {batch}, sessions {sessions}": speeds[batch, sessions] for batch, sessions in settings
    }
    return best, tried, ways[best]


def timed(predict, images):
    """Return images per second, and milliseconds of processor time an image."""
    start, processor = time.perf_counter(), time.process_time()
    predict(images)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    return len(images) / seconds, 1000 * processor / len(images)


def our_backbone():
    """Return the backbone as tellapart runs it."""
    from tellapart.inference.probability_net import ProbabilityNet
    from tellapart.inference.stored_net import stored_net_of
    from tellapart.models.backbones import BACKBONES, read_weights

    layers = BACKBONES["lite0"].layers(SIDE)
    return ProbabilityNet(stored_net_of(layers, read_weights("lite0", layers)), "probabilities")


def our_features(net, precision):
    """Return a function from images to features, on all cores."""
    from tellapart.inference.predictor import probabilities

    class Features:
        divides = True

        def ready(self, precision):
            self.net = net.ready(precision).net
            return self

        def __call__(self, images):
            return self.net.features(images)

    features = Features()
    return lambda images: probabilities(features, images, precision=precision)


def our_predictor(net, precision):
    from tellapart.inference.predictor import tta_probabilities

    return lambda images: tta_probabilities(net, images, precision=precision).averaged


def keras_predictor(name, precision):
    """Return what `Classifier.probabilities` calls for a network of keras.applications, random weights."""
    from tellapart.inference.predictor import probabilities
    from tellapart.inference.probability_net import probability_net_of
    from tellapart.keras_backend import import_keras

    net = probability_net_of(getattr(import_keras().applications, name)(weights=None), 1000)
    return lambda images: probabilities(net, images, precision=precision)


def plain_predictor(peer):
    def predict(images):
        with torch.inference_mode():
            parts = [peer(torch.from_numpy(part)) for part in np.split(images, range(8, len(images), 8))]
        return torch.cat(parts).numpy()

    return predict


def in_turn(ways, images, rounds):
    """Return images per second, and milliseconds of processor time an image, of each contestant in each round."""
    speeds, order = {name: [] for name in ways}, deque(ways)
    for number in range(rounds):
        for name in order:
            speeds[name].append(timed(ways[name], images))
        order.rotate(-1)
        line = ", ".join(f"{name} {each[-1][0]:.0f} ({each[-1][1]:.2f} ms)" for name, each in speeds.items())
        print(f"round {number + 1}: {line}", flush=True)
    return {
        "photos_per_second": {name: [speed for speed, _ in each] for name, each in speeds.items()},
        "processor_ms_a_photo": {name: [ms for _, ms in each] for name, each in speeds.items()},
    }


def agreement(ways, images, folders):
    """Return the share of images with the likeliest class of float32, and the largest differences of the outputs.

    Args:
        ways: name -> function from images to probabilities or features.
        images: (N, 224, 224, 3), first those of `folders`.
        folders: names of the folders that the first images lie in.
    """
    outputs = {name: predict(images) for name, predict in ways.items()}
    names = sorted(set(folders))
    features = outputs["tellapart float32, features"]
    targets = np.array([[1.0 if folder == name else -1.0 for name in names] for folder in folders])
    known = features[: len(folders)].astype(np.float64)
    middle = known.mean(0)
    centered = known - middle
    strength = 0.1 * np.trace(centered @ centered.T) / len(folders)
    weights = centered.T @ np.linalg.solve(centered @ centered.T + strength * np.eye(len(folders)), targets)
    results = {}
    for name, output in outputs.items():
        of_features = name.endswith("features")
        exact = features if of_features else outputs["tellapart float32"]
        classes = [(each - middle) @ weights if of_features else each for each in (output, exact)]
        same = float((classes[0].argmax(1) == classes[1].argmax(1)).mean())
        results[name] = {"same_class": same, "largest_difference": float(np.abs(output - exact).max())}
    return results


def report(record):
    lines = [
        f"# Features at 224 pixels, {record['date'][:10]}",
        "",
        f"{record['photos']} photos, {record['rounds']} rounds in turn, {record['threads']} threads; agreement over "
        f"{record['agreed_over']} photos and crops.",
        "",
        "| who | photos/s, median (lowest to highest) | ratio to onnxruntime (lowest to highest) | processor ms a "
        "photo | its ratio | same class as float32 | largest difference of an output |",
        "|---|---|---|---|---|---|---|",
    ]
    speeds, processor, agreed = (
        record[part] for part in ("photos_per_second", "processor_ms_a_photo", "agreement")
    )
    for name, each in speeds.items():
        ratios = [one / other for one, other in zip(each, speeds[BASELINE], strict=True)]
        less = [other / one for one, other in zip(processor[name], processor[BASELINE], strict=True)]
        known = agreed.get(name)
        told = f"{known['same_class']:.2%} | {known['largest_difference']:.1e}" if known else "- | -"
        lines.append(
            f"| {name} | {median(each):.0f} ({min(each):.0f} to {max(each):.0f}) | {median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) | {median(processor[name]):.2f} | {median(less):.2f} | {told} |"
        )
    tried = ", ".join(f"{name}: {speed:.0f}" for name, speed in record["onnxruntime_tried"].items())
    return "\n".join([*lines, "", f"- onnxruntime's settings, photos/s: {tried}", *origin_lines(record)])


def main(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="measurements of each (7)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads of each contestant (2)")
    parser.add_argument("--photos", type=int, default=256, metavar="N", help="photos to time (256)")
    parser.add_argument("--crops", type=int, default=3000, metavar="N", help="crops, for agreement (3000)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    machine, now = hardware(), datetime.datetime.now().astimezone()
    photos, folders = read_photos(options.folder, options.photos)
    peer, net = Peer(), our_backbone()
    setting, tried, by_onnxruntime = fastest_of_onnxruntime(exported(peer), options.threads, photos[:128])
    print(f"onnxruntime's best: batches of {setting[0]}, {setting[1]} sessions", flush=True)
    ways = {
        BASELINE: by_onnxruntime,
        "tellapart float32": our_predictor(net, "float32"),
        "tellapart bfloat16": our_predictor(net, "bfloat16"),
        "tellapart float32, features": our_features(net, "float32"),
        "tellapart bfloat16, features": our_features(net, "bfloat16"),
        "plain PyTorch float32": plain_predictor(peer),
    }
    others = {
        f"{name} {precision}": keras_predictor(name, precision)
        for name, precision in itertools.product(("MobileNetV2", "ResNet50"), ("float32", "bfloat16"))
    }
    for predict in (*ways.values(), *others.values()):
        predict(photos[:16])
    varied = np.concatenate([photos, crops(photos, options.crops)])
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": " ".join(["python benchmarks/features.py PHOTOS", *arguments[1:]]),
        "hardware": machine,
        "versions": versions(),
        "threads": options.threads,
        "rounds": options.rounds,
        "photos": len(photos),
        **in_turn(ways | others, photos, options.rounds),
        "onnxruntime_tried": tried,
        "agreement": agreement(ways, varied, folders),
        "agreed_over": len(varied),
    }
    write_results(options.results, "features", now, report(record), record)


if __name__ == "__main__":
    main(sys.argv[1:])
