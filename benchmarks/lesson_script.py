"""Old scripts of the Keras team, modernized and run: the CIFAR-10 lesson of 2015 to 2019, and its neighbors.

    git clone https://github.com/keras-team/keras /somewhere/keras
    python benchmarks/lesson_script.py /somewhere/keras                 # the lesson, each of its versions, 640 pictures
    python benchmarks/lesson_script.py /somewhere/keras --whole         # one epoch of all 50,000 pictures
    python benchmarks/lesson_script.py /somewhere/keras --examples 2.3.1  # those about pictures

Each script is read from the repository's history, goes through `tellapart modernize`, and runs in a process of its own
without another change. Only its surroundings are smaller: `keras.datasets` reads this machine's CIFAR-10 and MNIST
($TELLAPART_DATA), cut to the first pictures, and KERAS_MAX_EPOCHS and KERAS_MAX_STEPS_PER_EPOCH end a training early.
Versions before 1.0 count their epochs in a loop of their own, so there `nb_epoch = 200` becomes 1.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tellapart

LESSON = "examples/cifar10_cnn.py"
VERSIONS = (
    "0.1.0",
    "0.2.0",
    "0.3.0",
    "1.0.0",
    "1.0.6",
    "1.1.0",
    "1.2.2",
    "2.0.0",
    "2.0.9",
    "2.1.6",
    "2.2.4",
    "2.3.1",
)

VISION = (
    *("antirectifier", "cifar10_cnn", "cifar10_resnet", "class_activation_maps", "conv_filter_visualization"),
    *("conv_lstm", "deep_dream", "mnist_acgan", "mnist_cnn", "mnist_denoising_autoencoder"),
    *("mnist_hierarchical_rnn", "mnist_irnn", "mnist_mlp", "mnist_net2net", "mnist_siamese"),
    *("mnist_sklearn_wrapper", "mnist_swwae", "mnist_transfer_cnn", "neural_doodle", "neural_style_transfer"),
    *("variational_autoencoder", "variational_autoencoder_deconv", "mnist_dataset_api", "mnist_tfrecord"),
)
"""Examples about pictures."""

SURROUNDINGS = '''
"""Imported by Python itself at its start: `keras.datasets` reads the pictures of this machine."""

import importlib.util
import os
import sys


class Datasets:
    def find_spec(self, name, path=None, target=None):
        if name in ("keras.src.datasets.cifar10", "keras.src.datasets.mnist"):
            return importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(__file__), "datasets.py"))


sys.meta_path.insert(0, Datasets())
'''

DATASETS = """
import os

import numpy as np


def load_data(path=None):
    from keras import backend

    data = np.load(os.path.join(os.path.dirname(__file__), __name__.rpartition(".")[2] + ".npz"))
    x_train, y_train, x_test, y_test = (data[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    if x_train.ndim == 4 and backend.image_data_format() == "channels_first":
        x_train, x_test = x_train.transpose(0, 3, 1, 2), x_test.transpose(0, 3, 1, 2)
    return (x_train, y_train), (x_test, y_test)
"""


def main() -> None:
    options = parsed()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, None if options.whole else options.pictures)
        if options.examples:
            report_examples(options.keras, options.examples, place, options.seconds)
        else:
            report_lesson(options.keras, place, options.whole, options.seconds)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("keras", type=Path, help="A clone of keras-team/keras.")
    parser.add_argument("--pictures", type=int, default=640)
    parser.add_argument(
        "--whole", action="store_true", help="All pictures, one epoch, of the last version alone."
    )
    parser.add_argument(
        "--examples", metavar="TAG", help="The examples about pictures of this version instead."
    )
    parser.add_argument("--seconds", type=int, default=300, help="Longest that one script may take.")
    return parser.parse_args()


def prepare(place: Path, pictures: int | None) -> None:
    """Write what stands in for `keras.datasets`."""
    import numpy as np

    (place / "sitecustomize.py").write_text(SURROUNDINGS)
    (place / "datasets.py").write_text(DATASETS)
    for name in ("cifar10", "mnist"):
        data = tellapart.open_dataset(name)
        arrays = {}
        for split in ("train", "test"):
            part = data.part(split)
            rows = np.arange(len(part) if pictures is None else min(pictures, len(part)))
            part = part.take(rows)
            arrays[f"x_{split}"] = np.stack([np.asarray(part.images.read(row)) for row in range(len(part))])
            arrays[f"y_{split}"] = part.labels
        if name == "mnist":
            arrays = {key: array.squeeze(-1) if array.ndim == 4 else array for key, array in arrays.items()}
        else:
            arrays = {key: array[:, None] if array.ndim == 1 else array for key, array in arrays.items()}
        np.savez(place / f"{name}.npz", **{key: array.astype("uint8") for key, array in arrays.items()})


def source(keras: Path, tag: str, path: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(keras), "show", f"{tag}:{path}"], capture_output=True, text=True, check=True
    )
    return done.stdout


def report_lesson(keras: Path, place: Path, whole: bool, seconds: int) -> None:
    print(f"{'version':8} {'lines +':>8} {'lines -':>8} {'left':>5} {'seconds':>8}  result")
    for tag in VERSIONS[-1:] if whole else VERSIONS:
        text = source(keras, tag, LESSON)
        print(f"{tag:8} {outcome(text, place, seconds, steps=None)}", flush=True)


def report_examples(keras: Path, tag: str, place: Path, seconds: int) -> None:
    listed = subprocess.run(
        ["git", "-C", str(keras), "ls-tree", "--name-only", tag, "examples/"],
        capture_output=True,
        text=True,
        check=True,
    )
    for path in listed.stdout.split():
        name = Path(path).stem
        if path.endswith(".py") and name in VISION:
            text = source(keras, tag, path)
            print(
                f"{name:32} {outcome(text, place, seconds, steps=4)}",
                flush=True,
            )


def outcome(text: str, place: Path, seconds: int, steps: int | None) -> str:
    """Modernize a script and run it; return a line of a table."""
    (place / "old.py").write_text(text)
    result = tellapart.modernize(place / "old.py")
    added = sum(line.startswith("+") and not line.startswith("+++") for line in result.diff.splitlines())
    removed = sum(line.startswith("-") and not line.startswith("---") for line in result.diff.splitlines())
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=place) as folder:
        said = run(result.text.replace("nb_epoch = 200", "nb_epoch = 1"), place, Path(folder), seconds, steps)
        saved = [path.name for path in Path(folder).rglob("*") if path.suffix in (".h5", ".keras")]
    took = time.perf_counter() - begin
    line = f"{added:8} {removed:8} {len(result.remarks):5} {took:8.1f}  {said}"
    return f"{line}  saved {', '.join(saved)}" if saved else line


def run(text: str, place: Path, folder: Path, seconds: int, steps: int | None) -> str:
    """Run a script in a folder; return its last line, or what it died of."""
    script = folder / "script.py"
    script.write_text(text)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(place), *sys.path[1:]]),
        "MPLBACKEND": "agg",
    }
    environment |= {"KERAS_HOME": str(place / "keras"), "KERAS_MAX_EPOCHS": "1"}
    environment.pop("KERAS_BACKEND", None)
    if steps is not None:
        environment["KERAS_MAX_STEPS_PER_EPOCH"] = str(steps)
    try:
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return f"still running after {seconds} s"
    lines = [
        line for line in (done.stdout if done.returncode == 0 else done.stderr).splitlines() if line.strip()
    ]
    said = "; ".join(_plain(line)[-110:] for line in lines[-2:])
    return f"{'ran' if done.returncode == 0 else 'FAILED'}: {said}"


def _plain(line: str) -> str:
    """Return a line as a terminal shows it at last, without colors and bars."""
    return re.sub("\x1b\\[[0-9;]*m|\x08", "", line).replace("━", "").strip()


if __name__ == "__main__":
    main()
