"""Dog or cat, whole: `tellapart train PHOTOS` beside a plain Keras script, each a process of its own, in turn.

    python benchmarks/photos_vs_keras.py PHOTOS --peer tensorflow=PYTHON --peer torch=PYTHON [--rounds 3] [--validate]

PHOTOS has train/<class> and test/<class>. Ours decodes every photo, computes the features of each training photo and
its mirror image, chooses and fits the head, tests, and writes the report. The Keras script does what Keras's guide to
transfer learning does: image_dataset_from_directory at 224 pixels, a frozen MobileNetV2, GlobalAveragePooling, Dense,
five epochs of Adam, evaluate; 2,200 photos pass through the network, and 1,000 through ours. With --validate it also
scores the test photos after each epoch, as that guide does with its validation photos: 3,200. Its weights are random
(its time does not depend on them), so its accuracy says nothing. PYTHON is an interpreter with keras and that backend.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"

SCRIPT = """
import sys, keras
keras.utils.set_random_seed(0)
def photos(split, shuffle):
    return keras.utils.image_dataset_from_directory(
        f"{sys.argv[1]}/{split}", image_size=(224, 224), batch_size=32, shuffle=shuffle, **options)
options = {"format": "torch"} if keras.backend.backend() == "torch" and "torch" in sys.argv[2:] else {}
train, test = photos("train", True), photos("test", False)
base = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(224, 224, 3))
base.trainable = False
inputs = keras.Input((224, 224, 3))
x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
x = keras.layers.GlobalAveragePooling2D()(base(x, training=False))
model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=5, validation_data=test if "validate" in sys.argv[2:] else None, verbose=0)
print(model.evaluate(test, verbose=0))
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--peer", action="append", default=[], metavar="BACKEND=PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args()
    machine, peers = hardware(), dict(peer.split("=", 1) for peer in options.peer)
    seconds = {name: [] for name in ("tellapart", *peers)}
    accuracies = []
    for _ in range(options.rounds):
        taken, accuracy = ours(options.photos)
        seconds["tellapart"].append(taken)
        accuracies.append(accuracy)
        for backend, python in peers.items():
            seconds[backend].append(theirs(options.photos, backend, python, options.validate))
        print({name: round(times[-1], 1) for name, times in seconds.items()}, flush=True)
    now = datetime.datetime.now(datetime.UTC)
    record = {
        "seconds": seconds,
        "accuracy": accuracies,
        "hardware": machine,
        "versions": versions(),
        "peers": {backend: peer_versions(python) for backend, python in peers.items()},
        "command": f"python benchmarks/photos_vs_keras.py PHOTOS --rounds {options.rounds} "
        + " ".join(f"--peer {backend}=PYTHON" for backend in peers)
        + (" --validate" if options.validate else ""),
    }
    write_results(RESULTS, "photos_vs_keras", now, page(record, now), record)


def ours(photos):
    """Return the seconds of the whole command, and the test accuracy that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tellapart", "train", str(photos), "--out", f"{folder}/run"]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
    return seconds, re.search(r"Test accuracy: (.*)", done.stdout)[1]


def theirs(photos, backend, python, validate):
    """Return the seconds of the Keras script."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    words = [python, "-c", SCRIPT, str(photos)] + (["torch"] if not has_tensorflow(python) else [])
    words += ["validate"] if validate else []
    began = time.perf_counter()
    subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - began


def has_tensorflow(python):
    return not subprocess.run(
        [python, "-c", "import tensorflow"], capture_output=True, check=False
    ).returncode


def peer_versions(python):
    script = (
        "import importlib.metadata as m, json\n"
        "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions() "
        "if d.metadata['Name'] in ('keras', 'tensorflow', 'tensorflow-cpu', 'tensorflow_cpu', 'torch')}))"
    )
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def page(record, now):
    mine = statistics.median(record["seconds"]["tellapart"])
    lines = []
    for name, times in record["seconds"].items():
        ratios = [theirs / ours for theirs, ours in zip(times, record["seconds"]["tellapart"], strict=True)]
        lines.append(
            {
                "who": name,
                "median, s": f"{statistics.median(times):.1f}",
                "range, s": f"{min(times):.1f} to {max(times):.1f}",
                "ratio": f"{statistics.median(ratios):.2f}",
            }
        )
    return "\n".join(
        [
            f"# Dog or cat, whole, beside plain Keras, {now:%Y-%m-%d}",
            "",
            f"The whole command takes {mine:.1f} s and answers {record['accuracy'][-1]}. Seconds of whole processes, "
            f"{len(record['accuracy'])} rounds in turn; the ratio is theirs by ours within a round, median.",
            "",
            table(lines, list(lines[0])),
            "",
            *[f"- {backend}: {found}" for backend, found in record["peers"].items()],
            *origin_lines(record),
        ]
    )


if __name__ == "__main__":
    main()
