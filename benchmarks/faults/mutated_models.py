"""Model files changed at random, through the commands that open them: nothing but an answer or a plain refusal.

    python benchmarks/faults/mutated_models.py [--mutants 5000] [--minutes 10] [--first 0] [--dry]

Every mutant is a function of its number: which good file it comes from (`.keras`, with a Sequential and a Functional
model and with a reference of training images, and `.h5`), what is changed (bits, length, entries of the archive, values
of configuration and card, HDF5's own structures), and which verb opens it. Each runs in a process of its own, with
limits on time and memory (`model_verbs.py`). A mutant that still gives an answer is fine: not every bit matters.

Prints how they ended; a traceback, a killed or slow process, or anything done outside is a fault, and the exit code 1.
Writes a dated page and every fault to benchmarks/results/, unless --dry.
"""

import argparse
import datetime
import io
import json
import random
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from model_verbs import VERBS, import_everything, isolated

RESULTS = Path(__file__).parents[1] / "results"

LONGEST_SECONDS, MOST_MEGABYTES = 10, 1024
"""A process that takes longer, or more, is a fault."""

ODD = (
    None, True, False, 0, -1, 1, 2, 3, 7, 10**3, 10**5, 10**9, 2**31, 2**63, 2**64, 10**30, 0.5, -0.5, 1e-30, 1e30,
    float("nan"), float("inf"), "", "x", "linear", "softmax", "relu", "same", "../../etc/passwd", "\ud800", "\n\x1b",
    [], [None], [0], [1, 1], [10**6, 10**6], [[0, 0], [0, 0]], {}, {"class_name": "Lambda", "config": {}},
    "Conv2D", "Dense", "Flatten", "Lambda", "GlobalAveragePooling2D", "float16", "bfloat16", "int8", "mixed_float16",
)  # fmt: skip
"""Values that take the place of others in configurations and cards."""


def make_pictures(folder):
    from PIL import Image

    for number, name in enumerate(("cat", "cat", "dog", "dog")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return sorted(folder.rglob("*.png"))


def make_models(folder):
    """Write the good files; called in a process that ends, since nothing may run before the forks."""
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.classifier import Classifier
    from tellapart.data.preprocess import Preprocessing

    keras.utils.set_random_seed(0)
    layers = keras.layers
    row = [
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
    ]
    plain = keras.Sequential([keras.Input((8, 8, 3)), *row, layers.Dense(2, activation="softmax")])
    image = keras.Input((8, 8, 3))
    x = layers.ReLU(6)(layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(image)))
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    wired = keras.Model(image, layers.Dense(2)(x))
    card = ModelCard(("cat", "dog"), Preprocessing(height=8, width=8), {"recipe": "none"}, 2, 1.5)
    for name, model in (("plain", plain), ("wired", wired)):
        classifier = Classifier.of_model(model, card)
        features = np.random.default_rng(0).normal(size=(60, classifier.model.layers[-1].kernel.shape[0]))
        classifier.learn_familiar(features.astype("float32"), np.arange(60) % 2)
        classifier.save(folder / f"{name}.keras")
        classifier.save(folder / f"{name}.h5")


def mutant(number, models, place):
    """Write the mutant of a number; return its path and what was changed."""
    rng = random.Random(number)
    good = rng.choice(models)
    kinds = OF_ARCHIVES if good.suffix == ".keras" else OF_HDF5
    change = rng.choice(kinds)
    path = place / f"mutant-{number}{good.suffix}"
    change(rng, good, path, models)
    return path, change.__name__


def flipped(rng, content, most=8):
    content = bytearray(content)
    for _ in range(rng.randint(1, most)):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def flip_bits(rng, good, path, _):
    path.write_bytes(flipped(rng, good.read_bytes()))


def overwrite(rng, good, path, _):
    content = bytearray(good.read_bytes())
    begin, length = rng.randrange(len(content)), rng.randint(1, 64)
    filler = rng.choice([b"\0", b"\xff", bytes([rng.randrange(256)])])
    content[begin : begin + length] = filler * len(content[begin : begin + length])
    path.write_bytes(content)


def truncate(rng, good, path, _):
    content = good.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def cut_out(rng, good, path, _):
    content = good.read_bytes()
    begin = rng.randrange(len(content))
    path.write_bytes(content[:begin] + content[begin + rng.randint(1, 200) :])


def entries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_entries(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def swap_entries(rng, good, path, _):
    contents = entries(good)
    one, other = rng.sample(sorted(contents), 2)
    contents[one], contents[other] = contents[other], contents[one]
    write_entries(path, contents)


def drop_entry(rng, good, path, _):
    contents = entries(good)
    del contents[rng.choice(sorted(contents))]
    write_entries(path, contents)


def entry_of_another(rng, good, path, models):
    contents = entries(good)
    other = entries(rng.choice([model for model in models if model.suffix == ".keras" and model != good]))
    name = rng.choice(sorted(contents))
    write_entries(path, contents | {name: other[name]})


def flip_in_entry(rng, good, path, _):
    contents = entries(good)
    name = rng.choice(sorted(contents))
    write_entries(path, contents | {name: flipped(rng, contents[name])})


def flip_in_hdf5_structure(rng, good, path, _):
    """Flip bits where HDF5's headers lie: the weights of a small file are few."""
    contents = entries(good)
    content = contents["model.weights.h5"]
    end = rng.choice([100, 1000, len(content)])
    contents["model.weights.h5"] = flipped(rng, content[:end], 3) + content[end:]
    write_entries(path, contents)


def truncate_entry(rng, good, path, _):
    contents = entries(good)
    name = rng.choice(sorted(contents))
    write_entries(path, contents | {name: contents[name][: rng.randrange(len(contents[name]))]})


def change_config(rng, good, path, _):
    contents = entries(good)
    write_entries(path, contents | {"config.json": changed_json(rng, contents["config.json"])})


def change_card(rng, good, path, _):
    contents = entries(good)
    write_entries(path, contents | {"tellapart.json": changed_json(rng, contents["tellapart.json"])})


def change_weights(rng, good, path, _):
    contents = entries(good)
    memory = io.BytesIO(contents["model.weights.h5"])
    _change_data_set(rng, memory)
    write_entries(path, contents | {"model.weights.h5": memory.getvalue()})


def change_data_set(rng, good, path, _):
    path.write_bytes(good.read_bytes())
    _change_data_set(rng, path)


def change_attribute(rng, good, path, _):
    import h5py

    path.write_bytes(good.read_bytes())
    with h5py.File(path, "r+") as file:
        group = rng.choice([file, file["model_weights"]])
        name = rng.choice(sorted(group.attrs))
        if name == "model_config":
            group.attrs[name] = changed_json(rng, group.attrs[name].encode()).decode()
        elif rng.random() < 0.3:
            del group.attrs[name]
        else:
            group.attrs[name] = rng.choice(["", "x", 1.5, 10**9, [1, 2, 3], np.zeros(0), ["a", "b"]])


def flip_at_the_beginning(rng, good, path, _):
    content = good.read_bytes()
    end = rng.choice([100, 1000, 4000])
    path.write_bytes(flipped(rng, content[:end], 3) + content[end:])


def _change_data_set(rng, place):
    import h5py

    with h5py.File(place, "r+") as file:
        found = []
        file.visititems(lambda name, entry: found.append(name) if hasattr(entry, "shape") else None)
        name = rng.choice(found)
        value = np.asarray(file[name])
        del file[name]
        kind = rng.choice(
            ["f2", "f8", "i1", ">f4", "u8", "nan", "shape", "gone", "transposed", "empty", "gzip"]
        )
        if kind == "nan":
            file[name] = value * np.nan
        elif kind == "shape":
            file[name] = np.ones((*value.shape, 2), "f4")
        elif kind == "transposed":
            file[name] = value.T
        elif kind == "empty":
            file[name] = np.zeros((0, *value.shape), "f4")
        elif kind == "gzip" and value.ndim:
            file.create_dataset(name, data=value, compression="gzip")
        elif kind not in ("gone", "gzip"):
            file[name] = value.astype(kind)


def changed_json(rng, text):
    """Replace, remove or double a few values, however deep."""
    value = json.loads(text)
    for _ in range(rng.randint(1, 3)):
        holders = list(_holders(value))
        holder = rng.choice(holders)
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        action = rng.random()
        if action < 0.15:
            del holder[key]
        elif action < 0.25 and isinstance(holder, list):
            holder.append(holder[key])
        elif action < 0.4:
            other = rng.choice(list(_holders(value)))
            holder[key] = json.loads(json.dumps(other))
        else:
            holder[key] = rng.choice(ODD)
    return json.dumps(value).encode()


def _holders(value):
    """Yield every object and list that is not empty."""
    if value and isinstance(value, dict | list):
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _holders(part)


OF_ARCHIVES = (
    flip_bits, overwrite, truncate, cut_out, swap_entries, drop_entry, entry_of_another, flip_in_entry,
    flip_in_hdf5_structure, flip_in_hdf5_structure, truncate_entry, change_config, change_config, change_config,
    change_config, change_card, change_card, change_weights, change_weights,
)  # fmt: skip
OF_HDF5 = (
    flip_bits, overwrite, truncate, cut_out, flip_at_the_beginning, flip_at_the_beginning, change_attribute,
    change_attribute, change_data_set, change_data_set,
)  # fmt: skip


def is_fault(told):
    slow = told["seconds"] > LONGEST_SECONDS or told["megabytes"] > MOST_MEGABYTES
    return told["outcome"] not in ("fine", "refused") or slow or bool(told["outside"])


def run(options, folder):
    """Run the mutants; return how each ended."""
    import multiprocessing

    maker = multiprocessing.get_context("spawn").Process(target=make_models, args=(folder,))
    maker.start()
    maker.join()
    pictures, models = (
        make_pictures(folder / "pictures"),
        sorted([*folder.glob("*.keras"), *folder.glob("*.h5")]),
    )
    import_everything()
    verbs, runs, begun = list(VERBS), [], time.monotonic()
    for number in range(options.first, options.first + options.mutants):
        if time.monotonic() - begun > 60 * options.minutes:
            break
        path, change = mutant(number, models, folder)
        verb = verbs[number % len(verbs)]
        told = isolated(verb, path, pictures) | {"number": number, "change": change}
        runs.append(told)
        if is_fault(told):
            print(json.dumps(told), flush=True)
        path.unlink()
    return runs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    with tempfile.TemporaryDirectory() as folder:
        runs = run(options, Path(folder))
    faults = [told for told in runs if is_fault(told)]
    outcomes = Counter((told["change"], told["outcome"]) for told in runs)
    names = ("fine", "refused", "traceback", "killed", "too slow")
    rows = [
        {"change": change} | {name: outcomes[change, name] for name in names}
        for change in sorted({told["change"] for told in runs})
    ]
    rows.append({"change": "all"} | {name: sum(row[name] for row in rows) for name in names})
    now = datetime.datetime.now(datetime.UTC)
    command = f"python benchmarks/faults/mutated_models.py --mutants {options.mutants} --minutes {options.minutes:g}"
    record = {"faults": faults, "hardware": machine, "versions": versions(), "command": command}
    seconds, megabytes = (max(told[key] for told in runs) for key in ("seconds", "megabytes"))
    lines = [
        f"# Mutated model files, {now:%Y-%m-%d}",
        "",
        f"{len(runs):,} mutants from number {options.first}, each through one of {', '.join(VERBS)}. "
        f"The slowest took {seconds:.1f} s, the largest {megabytes} MB. "
        f"Faults: {len(faults)}; done outside: {sum(bool(told['outside']) for told in runs)}.",
        "",
        table(rows, ["change", *names]),
        "",
        *[f"- {count} x {kind}" for kind, count in Counter(told["kind"] for told in faults).most_common()],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "mutated_models", now, "\n".join(lines), record)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
