"""Loading photos: from JPEG files to one uint8 array of a network's size, beside TensorFlow and PyTorch.

    python3.11 -m venv TF && TF/bin/pip install tensorflow-cpu psutil
    python benchmarks/loading.py PHOTOS --tensorflow TF/bin/python

From the photos in the folder PHOTOS, others are made into a temporary folder: 10,000 of 500 x 375 pixels (each a random
part of one, mirrored or not, with smooth light and grain added; JPEG of quality 90, 4:2:0, about 50 kB) and 200 of
4,000 x 3,000 (20 different ones). They are read once before anything is timed, so that the disk plays no part.

The contestants, each a process of its own, make of each photo its largest centered square, at 64 or 224 pixels:

- tellapart: `load_split`, as a training reads; "exact" decodes every pixel and resamples by Pillow, as before;
- keras: `keras.utils.image_dataset_from_directory` (TensorFlow), batches of 128, bilinear *without* antialiasing, which
  is all that it offers;
- tf antialias: the same steps by tf.data, with `tf.image.resize(..., antialias=True)`, bicubic as ours;
- torch: a DataLoader with two workers, Pillow's decoding and its bicubic `resize`.

Method: contestants take turns, in an order that rotates by one each round; ratios are medians of those within each
round. Seconds are those of loading alone, without imports; CPU seconds are those of the process and its workers; memory
is the largest sum of proportional set sizes, seen four times a second, imports included.

Prints a page and writes it, with every single measurement, to benchmarks/results/.
"""

import argparse
import datetime
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from machine import hardware, origin_lines, versions, write_results
from PIL import Image

RESULTS = Path(__file__).parent / "results"
BATCH = 128
OURS = "tellapart"
CONTESTANTS = (OURS, "exact", "keras", "tf antialias", "torch")
BY_TENSORFLOW = ("keras", "tf antialias")
SMALL, LARGE = (500, 375), (4000, 3000)
DIFFERENT_LARGE = 20


def recomposed(photos, size, random):
    """Return a photo of a size, (h, w, 3) uint8: a part of a random one, with smooth light and grain of a camera."""
    width, height = size
    photo = photos[random.integers(len(photos))]
    share = random.uniform(0.7, 1)
    side = share * min(photo.size[0] / width, photo.size[1] / height)
    left, top = (random.uniform(0, whole - part * side) for whole, part in zip(photo.size, size, strict=True))
    box = (left, top, left + width * side, top + height * side)
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC, box=box), np.float32)
    if random.random() < 0.5:
        pixels = pixels[:, ::-1]
    light = Image.fromarray(random.normal(0, 12, (3, 4)).astype(np.float32)).resize(
        size, Image.Resampling.BICUBIC
    )
    grain = random.standard_normal((height, width), np.float32) * 3
    return (pixels + (np.asarray(light) + grain)[..., None]).clip(0, 255).astype(np.uint8)


def make_photos(source, folder, size, count, different, seed):
    """Write photos into two class folders; return the mean bytes of a file."""
    files = sorted(source.rglob("*.jpg"))
    if not files:
        raise SystemExit(f"{source}: no .jpg in it. Name a folder of photos.")
    random = np.random.default_rng(seed)
    photos = [Image.open(path).convert("RGB") for path in files[:400]]
    encoded = []
    for number in range(count):
        if number < different:
            file = io.BytesIO()
            Image.fromarray(recomposed(photos, size, random)).save(
                file, "JPEG", quality=90, subsampling="4:2:0"
            )
            encoded.append(file.getvalue())
        place = folder / f"class{number % 2}" / f"{number:05}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded[-1] if number < different else encoded[number % different])
        if different == count:
            encoded.clear()
    return sum(path.stat().st_size for path in folder.rglob("*.jpg")) // count


def load_tellapart(folder, side, reading="fast"):
    """Return a function that loads the folder by tellapart; what it returns has a length."""
    import torch

    from tellapart.data.open import open_dataset
    from tellapart.data.preprocess import Preprocessing
    from tellapart.data.store import load_split

    torch.set_num_threads(1)
    preprocessing = Preprocessing(height=side, width=side, reading=reading)
    return lambda: len(load_split(open_dataset(str(folder)).splits["train"], preprocessing))


def load_keras(folder, side):
    """Return a function that loads the folder by Keras on TensorFlow, as its documentation shows."""
    import keras

    def load():
        batches = keras.utils.image_dataset_from_directory(
            folder,
            image_size=(side, side),
            batch_size=BATCH,
            crop_to_aspect_ratio=True,
            shuffle=False,
            verbose=False,
        )
        return sum(len(images) for images, _ in batches)

    return load


def load_tensorflow(folder, side):
    """Return a function that loads the folder by tf.data, with antialiasing."""
    import tensorflow as tf

    def image(path):
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), 3)
        least = tf.reduce_min(tf.shape(pixels)[:2])
        pixels = tf.image.resize_with_crop_or_pad(pixels, least, least)
        resized = tf.image.resize(pixels, (side, side), "bicubic", antialias=True)
        return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)

    def load():
        paths = sorted(str(path) for path in folder.rglob("*.jpg"))
        batches = tf.data.Dataset.from_tensor_slices(paths).map(image, num_parallel_calls=tf.data.AUTOTUNE)
        return sum(len(images) for images in batches.batch(BATCH).prefetch(tf.data.AUTOTUNE))

    return load


class PillowPhotos:
    """Photos as a PyTorch data set reads them with Pillow."""

    def __init__(self, folder, side):
        self.paths, self.side = sorted(folder.rglob("*.jpg")), side

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        """Return the centered square of a photo, (side, side, 3) uint8."""
        with Image.open(self.paths[index]) as opened:
            image = opened.convert("RGB")
        least = min(image.size)
        left, top = ((whole - least) // 2 for whole in image.size)
        box = (left, top, left + least, top + least)
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.BICUBIC, box=box))


def load_torch(folder, side):
    """Return a function that loads the folder by a DataLoader with two workers."""
    from torch.utils.data import DataLoader

    photos = PillowPhotos(folder, side)
    return lambda: sum(len(batch) for batch in DataLoader(photos, batch_size=BATCH, num_workers=2))


LOADERS = {
    OURS: load_tellapart,
    "exact": lambda folder, side: load_tellapart(folder, side, "exact"),
    "keras": load_keras,
    "tf antialias": load_tensorflow,
    "torch": load_torch,
}


def cpu_seconds():
    """Return what this process and its finished children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def contest(name, folder, side):
    """Print what one contestant takes, as JSON; the whole of its process."""
    load = LOADERS[name](folder, side)
    begun, cpu = time.perf_counter(), cpu_seconds()
    count = load()
    values = {
        "count": count,
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": cpu_seconds() - cpu,
    }
    print(json.dumps(values))


def memory_of(process):
    """Return the bytes that a process and its children have, what they share counted once."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def measured(name, folder, side, python):
    """Run a contestant in a process of its own; return what it takes, its largest memory included."""
    command = [python, __file__, "--contestant", name, "--data", str(folder), "--side", str(side)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    if name not in BY_TENSORFLOW:
        environment.pop("KERAS_BACKEND")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as child:
        largest, done = [0], threading.Event()

        def watch():
            process = psutil.Process(child.pid)
            while not done.wait(0.25):
                try:
                    largest[0] = max(largest[0], memory_of(process))
                except psutil.Error:
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        output, errors = child.communicate()
        done.set()
        watcher.join()
    if child.returncode:
        raise SystemExit(f"{name}: {errors[-2000:]}")
    return {**json.loads(output.strip().splitlines()[-1]), "bytes": largest[0]}


def compared(cases, contestants, rounds, pythons):
    """Return {case: {contestant: [measurement of each round]}}."""
    found = {}
    for case, (folder, side) in cases.items():
        for path in folder.rglob("*.jpg"):
            path.read_bytes()  # into the system's cache
        found[case] = {name: [] for name in contestants}
        for turn in range(rounds):
            order = contestants[turn % len(contestants) :] + contestants[: turn % len(contestants)]
            for name in order:
                found[case][name].append(measured(name, folder, side, pythons[name in BY_TENSORFLOW]))
                print(case, name, found[case][name][-1], file=sys.stderr, flush=True)
    return found


def page_of(found, sizes, record):
    """Return the page: a table for each case."""
    lines = [f"# Loading photos, {record['date']}", ""]
    for case, by_name in found.items():
        count = by_name[OURS][0]["count"]
        lines += [
            f"## {case} ({count:,} files of {sizes[case] / 1000:,.0f} kB)",
            "",
            "| | seconds | photos per second | time against tellapart | CPU seconds | memory, MB |",
            "|---|---|---|---|---|---|",
        ]
        for name, turns in by_name.items():
            seconds = median(turn["seconds"] for turn in turns)
            ratio = median(
                turn["seconds"] / ours["seconds"] for turn, ours in zip(turns, by_name[OURS], strict=True)
            )
            cpu = median(turn["cpu_seconds"] for turn in turns)
            memory = max(turn["bytes"] for turn in turns) / 1e6
            lines.append(
                f"| {name} | {seconds:.2f} | {count / seconds:,.0f} | {ratio:.2f} | {cpu:.2f} | {memory:,.0f} |"
            )
        lines.append("")
    lines.append(f"Medians of {record['rounds']} rounds in turn.")
    return "\n".join([*lines, "", *origin_lines(record)])


def main():
    """Make the photos, compare, and write the page; or be one contestant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photos to recompose")
    parser.add_argument(
        "--tensorflow", help="Python with TensorFlow; without it, its contestants are left out"
    )
    parser.add_argument("--count", type=int, default=10_000, help="photos of 500 x 375")
    parser.add_argument("--large", type=int, default=200, help="photos of 12 megapixels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contestant:
        contest(arguments.contestant, arguments.data, arguments.side)
        return
    if arguments.photos is None:
        parser.error("PHOTOS is missing: a folder of photos to recompose")
    now = datetime.datetime.now().astimezone()
    contestants = [name for name in CONTESTANTS if arguments.tensorflow or name not in BY_TENSORFLOW]
    with tempfile.TemporaryDirectory(prefix="tellapart-loading-") as temporary:
        small, large = Path(temporary, "small"), Path(temporary, "large")
        bytes_small = make_photos(arguments.photos, small, SMALL, arguments.count, arguments.count, seed=0)
        different = min(DIFFERENT_LARGE, arguments.large)
        bytes_large = make_photos(arguments.photos, large, LARGE, arguments.large, different, seed=1)
        cases = {
            "500 x 375 to 64": (small, 64),
            "500 x 375 to 224": (small, 224),
            "12 megapixels to 224": (large, 224),
        }
        sizes = dict(zip(cases, (bytes_small, bytes_small, bytes_large), strict=True))
        record = {
            "date": f"{now:%Y-%m-%d %H:%M}",
            "command": " ".join(["python", *sys.argv]),
            "rounds": arguments.rounds,
            "hardware": hardware(),
            "versions": versions(),
        }
        pythons = {False: sys.executable, True: arguments.tensorflow}
        found = compared(cases, contestants, arguments.rounds, pythons)
    record["measurements"] = found
    write_results(RESULTS, "loading", now, page_of(found, sizes, record), record)


if __name__ == "__main__":
    main()
