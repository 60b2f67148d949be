"""Mutants of good model files: each a function of its number."""

import io
import json
import random
import zipfile

import numpy as np

ODD = (
    None, True, False, 0, -1, 1, 2, 3, 7, 10**3, 10**5, 10**9, 2**31, 2**63, 2**64, 10**30, 0.5, -0.5, 1e-30, 1e30,
    float("nan"), float("inf"), "", "x", "linear", "softmax", "relu", "same", "../../etc/passwd", "\ud800", "\n\x1b",
    [], [None], [0], [1, 1], [10**6, 10**6], [[0, 0], [0, 0]], {}, {"class_name": "Lambda", "config": {}},
    "Conv2D", "Dense", "Flatten", "Lambda", "GlobalAveragePooling2D", "float16", "bfloat16", "int8", "mixed_float16",
)  # fmt: skip
"""Values that take the place of others in configurations and cards."""


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
