"""Small good data of every kind that tellapart opens, from which mutants are made; the same bytes each time."""

import gzip
import io
import json
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np

FORMATS = {
    "png": "PNG", "jpg": "JPEG", "webp": "WEBP", "gif": "GIF", "bmp": "BMP", "tif": "TIFF", "tga": "TGA",
    "ppm": "PPM", "avif": "AVIF", "heic": "", "jp2": "JPEG2000", "ico": "ICO", "pcx": "PCX",
}  # fmt: skip
"""Ending -> Pillow's name."""

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

HEIC = Path(__file__).parents[2] / "tests" / "data" / "pictures" / "quadrants.heic"


def pixels(number, side=24):
    """Return a picture that tells its class: even ones are dark."""
    random = np.random.default_rng(number)
    return (random.integers(0, 100, (side, side, 3)) + 150 * (number % 2)).astype(np.uint8)


def picture(number, ending="png", side=24):
    """Return an encoded picture: colors, gray levels, transparency, frames, a camera's flag, as the number says."""
    from PIL import Image

    if ending == "heic":
        return HEIC.read_bytes()
    image, options = Image.fromarray(pixels(number, side)), {}
    if ending == "gif" and number % 3 == 0:
        options = {"save_all": True, "append_images": [Image.fromarray(pixels(number + 2, side))]}
    if ending in ("png", "webp", "tif") and number % 3 == 1:
        image = image.convert("RGBA")
    if ending in ("png", "tif", "jp2") and number % 4 == 2:
        image = Image.fromarray(pixels(number, side)[..., 0].astype(np.uint16) * 257)
    if ending in ("jpg", "png", "webp") and number % 2:
        exif = Image.Exif()
        exif[0x0112] = 6
        options["exif"] = exif
    if ending == "jpg" and number % 4 > 1:
        options["progressive"] = True
    if ending == "tif" and number % 2:
        options["compression"] = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")[number // 2 % 4]
        image = image.convert("RGB") if options["compression"] == "jpeg" else image
    file = io.BytesIO()
    image.save(file, FORMATS[ending], **options)
    return file.getvalue()


def write_pictures(folder):
    """Class folders with two pictures of each format: as many in each class."""
    for number, ending in enumerate([*FORMATS, *FORMATS, "jpg", "png", "tif", "webp", "gif", "png"]):
        place = folder / ("cat", "dog")[number % 2] / f"{number}.{ending}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(number, ending))


BOMBS = {
    "gray.png": "L", "color.png": "RGB", "palette.png": "P", "bits.png": "1", "transparent.png": "RGBA",
    "gray-transparent.png": "LA", "gray16.png": "I;16", "color.jpg": "RGB", "turned.jpg": "RGB", "cmyk.jpg": "CMYK",
    "gray.gif": "L", "color.webp": "RGB", "transparent.webp": "RGBA", "color.avif": "RGB", "gray.jp2": "L",
    "float.tif": "F", "color.tif": "RGB", "gray16.tif": "I;16", "turned.png": "RGBA",
}  # fmt: skip
"""Small files of nearly as many pixels as are read -> their mode."""


def bomb(folder, name):
    """Write one of BOMBS, unless it is there; return its path."""
    from PIL import Image

    path = folder / name
    if not path.exists():
        folder.mkdir(exist_ok=True)
        options = {"compression": "tiff_adobe_deflate"} if path.suffix == ".tif" else {}
        if path.stem == "turned":
            options["exif"] = Image.Exif()
            options["exif"][0x0112] = 6
        Image.new(BOMBS[name], (8944, 8944)).save(path, **options)
    return path


def write_labels(folder):
    """Pictures without class folders, and files that label them."""
    (folder / "pictures").mkdir(parents=True)
    rows = [(f"{number}.png", ("cat", "dog")[number % 2]) for number in range(8)]
    for number, (name, _) in enumerate(rows):
        (folder / "pictures" / name).write_bytes(picture(number))
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    by_name = [json.dumps({"file_name": name, "label": label}) for name, label in rows]
    (folder / "labels.jsonl").write_text("\n".join(by_name))
    (folder / "classes.json").write_text(
        json.dumps({"cat": ["0", "2", "4", "6"], "dog": ["1", "3", "5", "7"]})
    )
    one_hot = "".join(f"{name};{1 - number % 2};{number % 2}\n" for number, (name, _) in enumerate(rows))
    (folder / "one-hot.csv").write_bytes(f"id;cat;dog\n{one_hot}".encode("utf-16"))
    splits = ["train"] * 6 + ["test"] * 2
    lines = [f'"{name}",{label},{split}' for (name, label), split in zip(rows, splits, strict=True)]
    (folder / "split.csv").write_bytes(("\ufeffid,label,split\r\n" + "\r\n".join(lines) + "\r\n").encode())
    (folder / "labels.tsv").write_text(
        "file\tlabel\n" + "".join(f"{name}\t{label}\n" for name, label in rows)
    )
    (folder / "labels.json").write_text(json.dumps(dict(rows)))


def write_npz(folder):
    folder.mkdir(parents=True)
    x, y = np.stack([pixels(number, 16) for number in range(12)]), np.arange(12) % 2
    np.savez(folder / "plain.npz", x=x, y=y)
    np.savez_compressed(
        folder / "splits.npz",
        x_train=x[:8, ..., :1],
        y_train=np.eye(2)[y[:8]],
        x_test=x[8:, ..., :1],
        y_test=np.eye(2)[y[8:]],
    )
    names = np.array(["cat", "dog"])
    np.savez_compressed(folder / "floats.npz", x=(x / 255).astype("f4"), y=names[y], class_names=names)


def idx(array):
    """Return an idx file."""
    return (
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    )


def write_idx(folder):
    x, y = np.stack([pixels(number, 16)[..., 0] for number in range(12)]), np.arange(12) % 2
    files = {
        "train-images-idx3-ubyte": x[:8], "train-labels-idx1-ubyte": y[:8],
        "t10k-images-idx3-ubyte": x[8:], "t10k-labels-idx1-ubyte": y[8:],
    }  # fmt: skip
    for name, array in files.items():
        for packed in (False, True):
            place = folder / ("packed" if packed else "plain") / (name + ".gz" * packed)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(gzip.compress(idx(array), mtime=0) if packed else idx(array))


def write_cifar(folder):
    """Both sets in both layouts, as folders and as archives."""
    names10 = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for hundred, names in ((False, names10), (True, ["train", "test", "meta"])):
        binary, python = {}, {}
        for place, name in enumerate(names):
            rows = np.stack([pixels(number, 32).transpose(2, 0, 1).ravel() for number in range(10)])
            labels = (np.arange(10) + place) % 10
            heads = np.stack([labels] * (2 if hundred else 1), 1).astype(np.uint8)
            binary[f"{name}.bin"] = np.hstack([heads, rows]).tobytes()
            keys = {b"fine_labels": labels.tolist(), b"coarse_labels": labels.tolist()}
            batch = {b"data": rows, b"filenames": [b"x.png"] * 10}
            batch |= keys if hundred else {b"labels": labels.tolist() if place % 2 else labels}
            python[name] = pickle.dumps(batch, protocol=(2, 4, 5)[place % 3])
        binary.pop("meta.bin", None)
        count = "100" if hundred else "10"
        for kind, files in (("binary", binary), ("python", python)):
            inside = f"cifar-{count}-{kind}"
            (folder / inside).mkdir(parents=True)
            for name, content in files.items():
                (folder / inside / name).write_bytes(content)
            (folder / "archives").mkdir(exist_ok=True)
            place = folder / "archives" / f"cifar-{count}-{kind}.tar.gz"
            place.write_bytes(gzip.compress(archive(files), mtime=0))


def archive(files, prefix="inside/"):
    """Return a tar archive of files: name -> content."""
    place = io.BytesIO()
    with tarfile.open(fileobj=place, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(prefix + name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return place.getvalue()


def write_archives(folder):
    """Class folders and samples (WebDataset) in archives, compressed and not."""
    import zipfile

    folder.mkdir(parents=True)
    sorted_files = {f"{('cat', 'dog')[number % 2]}/{number}.png": picture(number) for number in range(8)}
    samples = {}
    for number in range(8):
        samples |= {f"{number:03d}.png": picture(number), f"{number:03d}.cls": b"%d" % (number % 2)}
        samples |= {f"{number:03d}.json": json.dumps({"label": number % 2}).encode()} if number % 3 else {}
    for name, files in (("folders", sorted_files), ("samples", samples)):
        (folder / f"{name}.tar").write_bytes(archive(files))
        (folder / f"{name}.tar.gz").write_bytes(gzip.compress(archive(files), mtime=0))
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(folder / f"{name}.zip", "w", method) as place:
            for member, content in sorted_files.items():
                place.writestr(zipfile.ZipInfo(member), content, method)


def write_parquet(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    cells = [{"bytes": picture(number), "path": None} for number in range(12)]
    labels = [number % 2 for number in range(12)]
    features = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    notes = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table({"image": cells, "label": pa.array(labels, pa.int64())})
    pq.write_table(table.replace_schema_metadata(notes), folder / "snappy.parquet", compression="snappy")
    plain = pa.table({"img": [cell["bytes"] for cell in cells], "label": pa.array(labels, pa.int32())})
    options = {"use_dictionary": False, "compression": "none", "write_page_checksum": True}
    pq.write_table(plain, folder / "plain.parquet", row_group_size=5, **options)
    pq.write_table(plain, folder / "zstd.parquet", compression="zstd", data_page_version="2.0")
    kinds = {"img": "DELTA_LENGTH_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"}
    options = {"use_dictionary": False, "compression": "gzip", "column_encoding": kinds}
    pq.write_table(plain, folder / "delta.parquet", **options)


def write_all(folder):
    """Write everything; return kind -> its folder."""
    writers = {
        "pictures": write_pictures, "labels": write_labels, "npz": write_npz, "idx": write_idx, "cifar": write_cifar,
        "parquet": write_parquet, "picture archives": write_archives,
    }  # fmt: skip
    for kind, write in writers.items():
        write(folder / kind)
    return {kind: folder / kind for kind in writers}
