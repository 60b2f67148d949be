"""Model files that somebody made to harm whoever opens them, each from a good one."""

import io
import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np

SECRET = np.arange(1000, 1108).astype("<f4")
"""What a file of the reader holds that no model file may show: as many numbers as the good model's kernel has."""

KERNEL = (3, 3, 3, 4)


def good_models(folder):
    """Write `good.keras`, with a card, and `good.h5`."""
    import keras

    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.classifier import Classifier
    from tellapart.data.preprocess import Preprocessing

    keras.utils.set_random_seed(1)
    layers = keras.layers
    stack = [
        layers.Rescaling(1 / 255, name="scale"),
        layers.Conv2D(4, 3, activation="relu", name="convolution"),
    ]
    head = [layers.GlobalAveragePooling2D(name="pool"), layers.Dense(2, activation="softmax", name="scores")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *stack, *head], name="good")
    card = ModelCard(("cat", "dog"), Preprocessing(height=8, width=8))
    classifier = Classifier.of_model(model, card)
    for name in ("good.keras", "good.h5"):
        classifier.save(folder / name)
    return folder / "good.keras", folder / "good.h5"


def entries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_entries(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def with_config(good, path, change):
    """Write a copy whose configuration is changed; `change(config)` may also return its text."""
    if path.suffix == ".keras":
        contents = entries(good)
        config = json.loads(contents["config.json"])
        contents["config.json"] = (change(config) or json.dumps(config)).encode()
        return write_entries(path, contents)
    path.write_bytes(good.read_bytes())
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        file.attrs["model_config"] = change(config) or json.dumps(config)
    return path


def with_card(good, path, **changes):
    contents = entries(good)
    card = json.loads(contents["tellapart.json"]) | changes
    contents["tellapart.json"] = json.dumps(card).encode()
    return write_entries(path, contents)


def with_weights(good, path, change):
    """Write a copy of whose weights `change(file, path of the kernel, of shape KERNEL)` makes something else."""
    if path.suffix == ".keras":
        contents = entries(good)
        memory = io.BytesIO(contents["model.weights.h5"])
        with h5py.File(memory, "r+") as file:
            change(file, _kernel(file))
        contents["model.weights.h5"] = memory.getvalue()
        return write_entries(path, contents)
    path.write_bytes(good.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file, _kernel(file))
    return path


def _kernel(file):
    found = []
    file.visititems(
        lambda name, entry: found.append(name) if getattr(entry, "shape", None) == KERNEL else None
    )
    return found[0]


def external(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, KERNEL, "f4", external=[(str(source), 0, SECRET.nbytes)])


def virtual(file, kernel, source):
    layout = h5py.VirtualLayout(KERNEL, "f4")
    layout[...] = h5py.VirtualSource(str(source), "secret", KERNEL)
    del file[kernel]
    file.create_virtual_dataset(kernel, layout)


def endless_virtual(file, kernel, source):
    """Its size is that of data sets elsewhere, which are opened to learn it."""
    endless = h5py.h5s.UNLIMITED
    space = h5py.h5s.create_simple(KERNEL, (endless, *KERNEL[1:]))
    space.select_hyperslab((0,) * 4, (endless, 1, 1, 1), block=(1, *KERNEL[1:]))
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_virtual(space, str(source).encode(), b"secret", space)
    del file[kernel]
    h5py.h5d.create(file.id, kernel.encode(), h5py.h5t.IEEE_F32LE, space, settings)


def soft_link(file, kernel, source):
    file["elsewhere"] = np.ones(KERNEL, "f4")
    del file[kernel]
    file[kernel] = h5py.SoftLink("/elsewhere")


def external_link(file, kernel, source):
    del file[kernel]
    file[kernel] = h5py.ExternalLink(str(source), "/secret")


def linked_group(file, kernel, source):
    folder, inner = kernel.rsplit("/", 2)[0], kernel.rsplit("/", 2)[1]
    file.move(f"{folder}/{inner}", "away")
    file[f"{folder}/{inner}"] = h5py.SoftLink("/away")


def cycle(file, kernel, source):
    file[f"{Path(kernel).parent}/again"] = file["/"]


def objects(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, KERNEL, h5py.string_dtype())


def texts(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, data=np.full(KERNEL, b"word"))


def references(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, KERNEL, h5py.ref_dtype)


def compound(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, KERNEL, np.dtype([("a", "f4"), ("b", "f4")]))


def nowhere(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, KERNEL, "f4")  # contiguous, and never written


def nowhere_in_pieces(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, KERNEL, "f4", chunks=KERNEL)


def terabytes(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, (10**6, 10**6, 3, 4), "f4", chunks=(1, 1, 3, 4), fillvalue=1.0)


def terabytes_in_one_piece(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, (10**6, 10**6, 3, 4), "f4")


def gigabytes_packed(file, kernel, source):
    """A piece of 432 bytes that unpacks to a hundred megabytes."""
    import zlib

    del file[kernel]
    data = file.create_dataset(kernel, KERNEL, "f4", chunks=KERNEL, compression="gzip")
    data.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(100_000_000), 9))


def gigabytes_of_zeros(file, kernel, source):
    del file[kernel]
    data = file.create_dataset(kernel, (500, 10**6), "f4", chunks=(1, 10**6), compression="gzip")
    data[...] = np.float32(0)


def large_piece(file, kernel, source):
    """One number, in a piece for a thousand million of them."""
    del file[kernel]
    data = file.create_dataset(kernel, (1,), "f4", chunks=(10**9,), maxshape=(None,), compression="gzip")
    import zlib

    data.id.write_direct_chunk((0,), zlib.compress(bytes(100)))


def unknown_filter(file, kernel, source):
    del file[kernel]
    file.create_dataset(kernel, data=np.ones(KERNEL, "f4"), chunks=KERNEL, compression="lzf")


def many_groups(file, kernel, source):
    for number in range(40_000):
        file.create_group(f"more/{number}")


def deep_groups(file, kernel, source):
    file.create_group("/".join("a" * 200))


WEIGHTS = {
    make.__name__: make
    for make in (
        external, virtual, endless_virtual, soft_link, external_link, linked_group, cycle, objects, texts,
        references, compound, nowhere, nowhere_in_pieces, terabytes, terabytes_in_one_piece, gigabytes_packed,
        gigabytes_of_zeros, large_piece, unknown_filter, many_groups, deep_groups,
    )
}  # fmt: skip
"""Kinds of weights that are not what they say; each is refused as `.keras` and as `.h5`."""


def named_again_and_again(path):
    """Make every name in the lists of an `.h5` file stand for its longest text."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}" + " " * 1_000_000
        file.attrs.create("names", ["name"] * 3_000, dtype=h5py.string_dtype())
    make = bytearray(path.read_bytes())
    long = _descriptor_of(make, 1_000_002)
    short = _descriptor_of(make, 4)
    place = make.find(short)
    for number in range(3_000):
        make[place + 16 * number : place + 16 * number + 16] = long
    path.write_bytes(make)
    return path


def _descriptor_of(content, length):
    """Return the sixteen bytes by which HDF5 says where a text of this length lies."""
    collections, place = [], content.find(b"GCOL")
    while place >= 0:
        collections.append(place)
        place = content.find(b"GCOL", place + 4)
    for collection in collections:
        begin = length.to_bytes(4, "little") + collection.to_bytes(8, "little")
        place = content.find(begin)
        if place >= 0:
            return bytes(content[place : place + 16])
    raise AssertionError(f"no text of {length} bytes")


def fifo(path):
    os.mkfifo(path)
    return path
