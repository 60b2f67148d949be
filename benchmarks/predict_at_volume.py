"""Predicting a folder of many JPEGs into a file: speed beside a torch DataLoader, memory over time, kills.

    python benchmarks/predict_at_volume.py --pictures 100000

A temporary folder gets that many JPEG files (`--size`, quality 85, smooth colors with edges and grain; `--different` of
them differ, the others are copies under names of their own), a thousand in each subfolder. The model is a built-in one.

Speed: the first `--compared` pictures, by contestants that are processes of their own and take turns, in an order that
rotates by one each round. Each decodes, predicts and writes a CSV file with the likeliest class and its probability;
seconds are those from the opened model to the written file, without imports. Ratios are medians within rounds.

- tellapart: `predict(..., top=1, out=...)`, as the command does;
- loader, folded: a torch DataLoader with a worker for each core, Pillow's decoding, shorter side resized and middle cut
  out, batches of 128; the classifier's own folded net, on all of torch's threads;
- loader, folded, one thread: the same after `torch.set_num_threads(1)`, which on a busy machine is faster;
- loader, Keras: the same loader; the Keras model itself, called within `torch.no_grad()`.

Memory and kills: the command `tellapart predict MODEL FOLDER --out FILE` on all pictures; resident memory and finished
parts are looked at twice a second. Then the same command is killed (SIGKILL) `--kills` times, at random moments within
the time that it took, and run to its end; both files must have the same bytes.

Prints a page and writes it, with every single measurement, to benchmarks/results/.
"""

import argparse
import csv
import datetime
import io
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image

RESULTS = Path(__file__).parent / "results"
OURS = "tellapart"
ONE_THREAD = "loader, folded, one thread"
CONTESTANTS = (OURS, "loader, folded", ONE_THREAD, "loader, Keras")
BATCH = 128
A_FOLDER = 1000


def one_picture(size, generator):
    """Return the bytes of a JPEG file: smooth colors, a few edges, grain."""
    width, height = size
    colors = Image.fromarray(generator.integers(0, 256, (4, 5, 3), np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    pixels = np.asarray(colors, np.float32).copy()
    for _ in range(6):
        left, top = generator.integers(0, width), generator.integers(0, height)
        pixels[top : top + height // 3, left : left + width // 3] += generator.normal(0, 50, 3)
    pixels += generator.normal(0, 5, (height, width, 1))
    content = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=85)
    return content.getvalue()


def make_pictures(folder, count, different, size):
    """Write the files; return the mean bytes of one."""
    generator = np.random.default_rng(0)
    contents = [one_picture(size, generator) for _ in range(min(count, different))]
    for number in range(count):
        place = folder / f"{number // A_FOLDER:04}" / f"photo_{number}.jpg"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(contents[number % len(contents)])
    return sum(map(len, contents)) // len(contents)


def first_files(folder, count):
    """Return the paths of the first pictures."""
    from tellapart.data.sources.walk import walk_files

    return [path for path, _ in itertools.islice(walk_files(folder), count)]


class Files:
    """Files as an engineer's data set for torch: (H, W, channels) uint8 of a network's size."""

    def __init__(self, paths, preprocessing):
        self.paths, self.side = paths, preprocessing.height
        self.mode = "RGB" if preprocessing.channels == 3 else "L"

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        import torch

        image = Image.open(self.paths[index]).convert(self.mode)
        scale = self.side / min(image.size)
        width, height = (max(self.side, round(length * scale)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - self.side) // 2, (height - self.side) // 2
        pixels = np.asarray(image.crop((left, top, left + self.side, top + self.side)))
        return torch.from_numpy(pixels.reshape(self.side, self.side, -1).copy())


def by_loader(classifier, paths, out, keras_model):
    """Predict as an engineer writes it."""
    import torch

    loader = torch.utils.data.DataLoader(
        Files(paths, classifier.card.preprocessing), BATCH, num_workers=os.cpu_count()
    )
    net = classifier.model if keras_model else classifier.net.ready()
    names, done = classifier.class_names, 0
    with open(out, "w", newline="") as file, torch.no_grad():
        writer = csv.writer(file)
        writer.writerow(("picture", "predicted", "probability"))
        for images in loader:
            best, classes = net(images.float() if keras_model else images).max(1)
            for probability, number in zip(best.tolist(), classes.tolist(), strict=True):
                writer.writerow((paths[done], names[number], probability))
                done += 1


def contestant(name, model, paths_file, out):
    """Run one contestant in this process; print its seconds as JSON."""
    import keras  # noqa: F401  every contestant imports the same
    import torch

    import tellapart

    paths = json.loads(Path(paths_file).read_text())
    classifier = tellapart.load(model)
    if name == "loader, Keras":
        _ = classifier.model
    began = time.perf_counter()
    if name == ONE_THREAD:
        torch.set_num_threads(1)
    if name == OURS:
        tellapart.predict(classifier, paths, top=1, out=out)
    else:
        by_loader(classifier, paths, out, name == "loader, Keras")
    print(json.dumps(time.perf_counter() - began))


def rounds_of(options, folder, place):
    """Return each round's seconds by contestant."""
    paths_file = place / "paths.json"
    paths_file.write_text(json.dumps(first_files(folder, options.compared)))
    found = []
    for number in range(options.rounds):
        first = number % len(options.contestants)
        order = options.contestants[first:] + options.contestants[:first]
        seconds = {}
        for name in order:
            out = place / f"{number}-{CONTESTANTS.index(name)}.csv"
            words = [sys.executable, __file__, "--contestant", name, options.model, str(paths_file), str(out)]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            seconds[name] = json.loads(done.stdout.splitlines()[-1])
            if len(out.read_text().splitlines()) != options.compared + 1:
                raise SystemExit(f"{name} wrote {out} with another number of lines.")
            print(
                f"  round {number + 1}: {name} {options.compared / seconds[name]:.0f} pictures/s", flush=True
            )
        found.append(seconds)
    return found


def command(options, folder, out):
    words = [sys.executable, "-m", "tellapart", "predict", options.model, str(folder), "--top", "5"]
    return [*words, "--out", str(out), "--quiet"]


def parts_of(out):
    return (
        sum(name.startswith("part-") for name in os.listdir(f"{out}.partial"))
        if os.path.isdir(f"{out}.partial")
        else 0
    )


def watched(options, folder, out):
    """Run the command; return its seconds and (seconds, MB resident, parts) twice a second."""
    began, seen = time.perf_counter(), []
    process = psutil.Popen(command(options, folder, out))
    while process.poll() is None:
        try:
            resident = process.memory_info().rss / 1e6
        except psutil.Error:
            break
        seen.append((time.perf_counter() - began, resident, parts_of(out)))
        time.sleep(0.5)
    if process.wait():
        raise SystemExit(f"The command ended with {process.returncode}.")
    return time.perf_counter() - began, seen


def killed(options, folder, out, seconds):
    """Kill the command at random moments, then let it end; return what was done at each kill."""
    chance, seen = random.Random(0), []
    for _ in range(options.kills):
        process = subprocess.Popen(command(options, folder, out))
        try:
            process.wait(4 + chance.random() * 0.9 * seconds / options.kills)  # it takes seconds to start
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        seen.append(parts_of(out))
        if out.exists():
            raise SystemExit(
                f"The command ended before its kill {len(seen)}: take more --pictures or fewer --kills."
            )
    subprocess.run(command(options, folder, out), check=True)
    return seen


def memory_rows(seen):
    """Return resident memory when so many parts were there."""
    most = max(parts for _, _, parts in seen)
    rows = []
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        near = [resident for _, resident, parts in seen if abs(parts - share * most) <= max(2, 0.05 * most)]
        rows.append({"share of pictures": f"{share:.0%}", "median MB": median(near), "largest MB": max(near)})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--size", default="320x240", help="width x height of the files' pixels")
    parser.add_argument("--different", type=int, default=500)
    parser.add_argument("--model", default="imagenet", help="a built-in model")
    parser.add_argument("--compared", type=int, default=2000, help="pictures for each contestant and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--contestant", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contestant(*options.contestant)
        return
    record = {"hardware": hardware(), "versions": versions(), "command": " ".join(["python", *sys.argv])}
    record |= {name: value for name, value in vars(options).items() if name != "contestant"}
    size = tuple(map(int, options.size.split("x")))
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        folder = place / "pictures"
        folder.mkdir()
        record["bytes_of_a_file"] = make_pictures(folder, options.pictures, options.different, size)
        record["rounds_seconds"] = rounds_of(options, folder, place)
        whole, again = place / "whole.csv", place / "again.csv"
        record["seconds"], record["memory"] = watched(options, folder, whole)
        record["parts_at_kills"] = killed(options, folder, again, record["seconds"])
        record["equal"] = whole.read_bytes() == again.read_bytes()
        record["rows"] = len(whole.read_text().splitlines()) - 1
        shutil.rmtree(folder)
    write_results(RESULTS, "predict_at_volume", datetime.datetime.now(), page_of(record), record)


def page_of(record):
    """Return the results as a page."""
    rounds, compared = record["rounds_seconds"], record["compared"]
    speeds = [
        {
            "contestant": name,
            "pictures/s": median(compared / seconds[name] for seconds in rounds),
            "tellapart is faster by": median(seconds[name] / seconds[OURS] for seconds in rounds),
        }
        for name in rounds[0]
    ]
    memory = memory_rows(record["memory"])
    parts = -(-record["pictures"] // 500)
    lines = [
        "# Predicting a folder of many JPEGs into a file",
        "",
        f"{record['pictures']:,} JPEG files of {record['size']} pixels, {record['bytes_of_a_file'] / 1000:.0f} kB "
        f"each; model: {record['model']}.",
        "",
        f"## Speed: {compared:,} pictures, {len(rounds)} rounds in turn",
        "",
        table(speeds, list(speeds[0])),
        "",
        f"## All {record['pictures']:,} pictures by the command",
        "",
        f"{record['seconds']:.0f} s, start included: {record['pictures'] / record['seconds']:.0f} pictures/s; "
        f"{record['rows']:,} rows.",
        "",
        "Resident memory on the way:",
        "",
        table(memory, list(memory[0])),
        "",
        f"Killed {len(record['parts_at_kills'])} times, with {', '.join(map(str, record['parts_at_kills']))} of "
        f"{parts} parts done, and run to its end: the file has {'the same' if record['equal'] else 'OTHER'} bytes.",
        "",
        *origin_lines(record),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
