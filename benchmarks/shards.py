"""One pass over a million small pictures in shards, beside webdataset's own loader; memory, resuming, damage.

    python benchmarks/shards.py
    python benchmarks/shards.py --pictures 20000 --rounds 1

A temporary folder gets tar shards of `--pictures` pictures (32 x 32 JPEG, smooth colors with grain; `--different` of
them differ), in the order of ten classes, so that mixing shows.

Speed: contestants are processes of their own, one after the other, in an order that rotates by one each round. Each
passes once over `--compared` pictures, of shards evenly spread, decodes each by the same function
(`data.decoded.reading.read_one`), and makes batches of 256. Seconds are those from the first request to the last batch,
without imports. Ratios are medians within rounds.

- tellapart: `StreamedLoader`, windows of 8,192 pictures, threads;
- webdataset: `WebDataset(..., shardshuffle=1000).shuffle(8192)`, in the process;
- webdataset, workers: the same in a `WebLoader` with a process for each core, each with its share of the buffer.

Mixing: how many of the shards the pictures of 1,000 in a row come from, and how many classes; medians.

Memory: resident memory of a pass of tellapart over all pictures, looked at five times a second. The benchmark's own
notes take 16 bytes of it a picture.

Resuming: the second half of an epoch by a loader that begins there, against that of the whole pass: a sha256 over the
numbers, pixels and labels of all its pictures; seconds to its first batch; bytes that were read before it.

Damage: a shard cut off in the middle; what is named, how many pictures are left out, whether the pass ends.

Prints a page and writes it, with every single measurement, to benchmarks/results/.
"""

import argparse
import datetime
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image

RESULTS = Path(__file__).parent / "results"
OURS = "tellapart"
CONTESTANTS = (OURS, "webdataset", "webdataset, workers")
BATCH, BUFFER, SIDE, CLASSES, SEED = 256, 8192, 32, 10, 0
IN_A_ROW = 1000


def one_picture(generator):
    """Return the bytes of a JPEG file: smooth colors, grain."""
    colors = Image.fromarray(generator.integers(0, 256, (4, 4, 3), np.uint8)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(colors, np.float32) + generator.normal(0, 8, (SIDE, SIDE, 3))
    content = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=90)
    return content.getvalue()


def make_shards(folder, pictures, different, a_shard):
    """Write the shards and their index; return the bytes of all."""
    from tellapart.data.shards.index import Shard, ShardIndex, index_text
    from tellapart.data.shards.writer import TarShard

    generator = np.random.default_rng(0)
    contents = [one_picture(generator) for _ in range(min(pictures, different))]
    shards = []
    for number, first in enumerate(range(0, pictures, a_shard)):
        path = folder / f"train-{number:06d}.tar"
        shard, counts = TarShard(path), [0] * CLASSES
        for picture in range(first, min(first + a_shard, pictures)):
            label = CLASSES * picture // pictures
            shard.add(f"{picture:09d}", ".jpg", contents[picture % len(contents)], label)
            counts[label] += 1
        pieces, digest = shard.close()
        shards.append(Shard(path.name, "train", path.stat().st_size, tuple(pieces), tuple(counts), digest))
    names = tuple(f"class{number}" for number in range(CLASSES))
    (folder / "shards.json").write_text(
        index_text(ShardIndex("webdataset", names, tuple(shards), numbered=True))
    )
    return sum(shard.size for shard in shards)


def preprocessing():
    from tellapart.data.preprocess import Preprocessing

    return Preprocessing(height=SIDE, width=SIDE, reading="fast")


def our_loader(folder):
    """Return a loader, and the names of shards by number of their parts."""
    from tellapart.data.open import open_dataset
    from tellapart.data.shards.order import StreamOrder
    from tellapart.data.shards.pieces import SplitPieces
    from tellapart.data.store import load_split
    from tellapart.training.streamed_loader import StreamedLoader

    dataset = open_dataset(folder, for_training=False)
    pieces = SplitPieces(dataset.shards, "train")
    order = StreamOrder(counts=pieces.counts, batch_size=BATCH, seed=SEED, window=BUFFER)
    sample = load_split(dataset.splits["train"], preprocessing())
    return StreamedLoader(pieces, sample, preprocessing(), CLASSES, order, None)


def ours(folder, first_step=0):
    """Yield (pictures, keys, labels, pixels) of each batch."""
    loader = our_loader(folder)
    for step in range(first_step, loader.batches.steps_per_epoch):
        images, targets = loader.batch(0, step)
        yield loader.batches.rows(0, step), targets.argmax(-1).numpy(), images.numpy()


def theirs(folder, workers):
    """Yield the same of webdataset."""
    import webdataset

    from tellapart.data.decoded.reading import read_one

    shape = preprocessing()

    def decoded(sample):
        image = read_one(sample["jpg"], sample["__key__"], shape)
        return int(sample["__key__"]), int(sample["cls"]), image.pixels

    def together(samples):
        keys, labels, pixels = zip(*samples, strict=True)
        return np.array(keys), np.array(labels), np.stack(pixels)

    tars = sorted(str(path) for path in Path(folder).glob("*.tar"))
    share = BUFFER // max(1, workers)
    data = webdataset.WebDataset(tars, shardshuffle=1000, seed=SEED, empty_check=False).shuffle(
        share, seed=SEED
    )
    data = data.map(decoded).batched(BATCH, collation_fn=together, partial=True)
    yield from webdataset.WebLoader(data, batch_size=None, num_workers=workers) if workers else data


def pictures_in(folder):
    return sum(
        facts["pictures"] for facts in json.loads((Path(folder) / "shards.json").read_text())["shards"]
    )


def contestant(name, folder, a_shard):
    """Run one contestant in this process; print what was measured as JSON."""
    import torch

    torch.set_num_threads(1)
    workers = os.cpu_count() if name == CONTESTANTS[2] else 0
    batches = ours(folder) if name == OURS else theirs(folder, workers)
    began, order, labels, memory = time.perf_counter(), [], [], []
    done = threading.Event()
    process = psutil.Process()

    def look():
        while not done.wait(0.2):
            memory.append((sum(map(len, order)), process.memory_info().rss / 1e6))

    threading.Thread(target=look, daemon=True).start()
    for keys, classes, _ in batches:
        order.append(np.asarray(keys, np.int64))
        labels.append(np.asarray(classes, np.int64))
    seconds = time.perf_counter() - began
    done.set()
    rows, classes = np.concatenate(order), np.concatenate(labels)
    stretches = [slice(start, start + IN_A_ROW) for start in range(0, len(rows) - IN_A_ROW + 1, IN_A_ROW)]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "pictures": len(rows),
                "each_once": len(np.unique(rows)) == len(rows) == pictures_in(folder),
                "shards_in_a_row": median(len(np.unique(rows[part] // a_shard)) for part in stretches),
                "classes_in_a_row": median(len(np.unique(classes[part])) for part in stretches),
                "memory": memory if name == OURS else memory[-1:],
            }
        )
    )


def digest_of(batches):
    """Return the seconds to the first batch, and a sha256 over all."""
    digest, began, first = hashlib.sha256(), time.perf_counter(), None
    for keys, labels, pixels in batches:
        first = first or time.perf_counter() - began
        for part in (keys, labels, pixels):
            digest.update(np.ascontiguousarray(part))
    return first, digest.hexdigest()


def resumed(folder):
    """Compare the second half of an epoch of two loaders; print it as JSON."""
    import itertools

    from tellapart.data.shards import pieces

    half = our_loader(folder).batches.steps_per_epoch // 2
    _, whole = digest_of(itertools.islice(ours(folder), half, None))
    loader, read = our_loader(folder), []
    original = pieces.read_range

    def counted(address, start, stop):
        read.append(stop - start)
        return original(address, start, stop)

    pieces.read_range = counted
    began = time.perf_counter()
    loader.batch(0, half)
    seconds, before = time.perf_counter() - began, sum(read)
    _, rest = digest_of(ours(folder, half))
    print(
        json.dumps({"half": half, "equal": whole == rest, "first_seconds": seconds, "bytes_before": before})
    )


def damaged(folder):
    """Pass over shards of which one is cut off; print what is said as JSON."""
    from tellapart.data.shards.pieces import damage_in_words

    loader, count = our_loader(folder), 0
    for step in range(loader.batches.steps_per_epoch):
        count += len(loader.batch(0, step)[0])
    left_out = sum(piece.pictures for piece in loader.damaged)
    print(json.dumps({"said": damage_in_words(loader.damaged), "left_out": left_out, "pictures": count}))


def in_own_process(*arguments):
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def rounds_of(options, folder):
    """Return each round's measurements by contestant."""
    rounds = []
    for number in range(options.rounds):
        first = number % len(CONTESTANTS)
        measured = {}
        for name in CONTESTANTS[first:] + CONTESTANTS[:first]:
            measured[name] = in_own_process("--contestant", name, folder, "--a-shard", options.a_shard)
            speed = measured[name]["pictures"] / measured[name]["seconds"]
            print(f"  round {number + 1}: {name} {speed:,.0f} pictures/s", flush=True)
        rounds.append(measured)
    return rounds


def some_shards(folder, place, pictures):
    """Return a folder of evenly spread shards with so many pictures."""
    place.mkdir()
    index = json.loads((folder / "shards.json").read_text())
    every = max(1, sum(facts["pictures"] for facts in index["shards"]) // pictures)
    index["shards"] = index["shards"][::every]
    for facts in index["shards"]:
        os.link(folder / facts["name"], place / facts["name"])
    (place / "shards.json").write_text(json.dumps(index))
    return place


def cut_off(folder, place):
    """Return a folder of the same shards, the middle one cut off."""
    place.mkdir()
    shards = sorted(folder.glob("*.tar"))
    for path in (*shards, folder / "shards.json"):
        os.link(path, place / path.name)
    middle = place / shards[len(shards) // 2].name
    content = middle.read_bytes()
    middle.unlink()
    middle.write_bytes(content[: len(content) // 2])
    return place


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--different", type=int, default=500)
    parser.add_argument("--a-shard", type=int, default=10_000, help="pictures of a shard")
    parser.add_argument("--compared", type=int, help="pictures for each contestant and round; default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contestant", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--resumed", help=argparse.SUPPRESS)
    parser.add_argument("--damaged", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        contestant(*options.contestant, options.a_shard)
    elif options.resumed:
        resumed(options.resumed)
    elif options.damaged:
        damaged(options.damaged)
    else:
        measure(options)


def measure(options):
    record = {"hardware": hardware(), "versions": versions(), "command": " ".join(["python", *sys.argv])}
    record |= {
        name: getattr(options, name) for name in ("pictures", "different", "a_shard", "compared", "rounds")
    }
    record["versions"] |= webdataset_version()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "shards"
        folder.mkdir()
        record["bytes"] = make_shards(folder, options.pictures, options.different, options.a_shard)
        compared = options.compared or options.pictures
        record["measured"] = rounds_of(options, some_shards(folder, Path(place) / "some", compared))
        record["whole"] = in_own_process("--contestant", OURS, folder, "--a-shard", options.a_shard)
        print("  the whole pass is done", flush=True)
        record["resumed"] = in_own_process("--resumed", folder)
        record["damaged"] = in_own_process("--damaged", cut_off(folder, Path(place) / "cut"))
    write_results(RESULTS, "shards", datetime.datetime.now(), page_of(record), record)


def webdataset_version():
    from importlib import metadata

    return {"webdataset": metadata.version("webdataset")}


def memory_rows(seen, pictures):
    """Return resident memory when so many pictures were done."""
    rows = []
    for low, high in ((0.05, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0)):
        part = [resident for done, resident in seen if low * pictures <= done <= high * pictures]
        if part:
            rows.append(
                {
                    "share of pictures": f"{low:.0%} to {high:.0%}",
                    "median MB": median(part),
                    "largest MB": max(part),
                }
            )
    return rows


def page_of(record):
    """Return the results as a page."""
    rounds, again, cut = record["measured"], record["resumed"], record["damaged"]
    rows = [
        {
            "contestant": name,
            "pictures/s": median(each[name]["pictures"] / each[name]["seconds"] for each in rounds),
            "tellapart is faster by": median(
                each[name]["seconds"] / each[OURS]["seconds"] for each in rounds
            ),
            "shards in 1,000": rounds[0][name]["shards_in_a_row"],
            "classes in 1,000": rounds[0][name]["classes_in_a_row"],
            "each picture once": "yes" if all(each[name]["each_once"] for each in rounds) else "NO",
        }
        for name in CONTESTANTS
    ]
    whole = record["whole"]
    memory = memory_rows(whole["memory"], record["pictures"])
    lines = [
        "# One pass over small pictures in shards",
        "",
        f"{record['pictures']:,} JPEG pictures of {SIDE} x {SIDE} pixels in tar shards of {record['a_shard']:,}, "
        f"{record['bytes'] / 1e6:,.0f} MB, in the order of {CLASSES} classes; batches of {BATCH}, drawn "
        f"among {BUFFER:,}.",
        "",
        f"## Speed: {rounds[0][OURS]['pictures']:,} pictures, {len(rounds)} rounds in turn",
        "",
        table(rows, list(rows[0])),
        "",
        f"## All {record['pictures']:,} pictures",
        "",
        f"tellapart: {whole['seconds']:.0f} s, {whole['pictures'] / whole['seconds']:,.0f} pictures/s; each picture "
        f"once: {'yes' if whole['each_once'] else 'NO'}; of 1,000 in a row, {whole['shards_in_a_row']:.0f} shards and "
        f"{whole['classes_in_a_row']:.0f} classes. Resident memory on the way:",
        "",
        table(memory, list(memory[0])) if memory else "(too short to look at)",
        "",
        f"The benchmark's own notes, 16 bytes a picture, take {16e-6 * record['pictures']:.0f} MB of it at the end.",
        "",
        f"Begun at step {again['half']:,}: {'the same' if again['equal'] else 'OTHER'} pictures, pixels and labels "
        f"to the end as in the whole pass; first batch after {again['first_seconds']:.2f} s, with "
        f"{again['bytes_before'] / 1e6:,.1f} MB read by then.",
        "",
        f"One shard cut off: the pass gave {cut['pictures']:,} pictures, {cut['left_out']:,} were left out and named: "
        f"{'; '.join(cut['said'])}.",
        "",
        *origin_lines(record),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
