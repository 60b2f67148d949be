"""Folders of pictures that examples of keras.io expect to be unpacked, filled with a few generated files.

Each function plants one archive's files below the working folder, with the names and sizes that examples rely on.
"""

import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

random = np.random.default_rng(0)


def picture(path, height, width, channels=3):
    """Write one picture of coarse noise."""
    shape = (max(height // 8, 1), max(width // 8, 1), *((channels,) if channels > 1 else ()))
    small = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize((width, height)).save(path)


def labels(path, height, width, lowest, highest):
    """Write one picture whose gray levels are classes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = random.integers(lowest, highest + 1, (height // 8, width // 8), dtype=np.uint8)
    Image.fromarray(levels).resize((width, height), Image.Resampling.NEAREST).save(path)


def cats_and_dogs():
    given = Path(os.environ.get("TELLAPART_DATA", "")) / "cats-and-dogs" / "train"
    for name in ("Cat", "Dog"):
        files = sorted((given / name.lower()).glob("*.jpg"))[:160]
        for number in range(160):
            target = Path("PetImages") / name / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            if files:
                target.symlink_to(files[number % len(files)])
            else:
                picture(target, 180, 200)


def oxford_pets():
    many(Path("images"), "jpg", 1048, lambda path: picture(path, 160, 200))
    many(Path("annotations/trimaps"), "png", 1048, lambda path: labels(path, 160, 200, 1, 3))


def salient_objects():
    many(Path("DUTS-TE/DUTS-TE-Image"), "jpg", 140, lambda path: picture(path, 160, 200))
    many(Path("DUTS-TE/DUTS-TE-Mask"), "png", 140, lambda path: labels(path, 160, 200, 0, 1))


def captchas():
    letters = np.array(list("2345678bcdefgmnpwxy"))
    for number in range(160):
        name = "".join(letters[(np.arange(5) * 3 + number) % len(letters)])
        picture(Path("captcha_images_v2") / f"{name}.png", 50, 200)


def human_parsing():
    root = Path("instance-level_human_parsing/instance-level_human_parsing/Training")
    many(root / "Images", "jpg", 1060, lambda path: picture(path, 160, 160))
    many(root / "Category_ids", "png", 1060, lambda path: labels(path, 160, 160, 0, 19))


def dark_pictures():
    for folder, count in (("our485", 485), ("eval15", 15)):
        for kind in ("low", "high"):
            many(Path("lol_dataset") / folder / kind, "png", count, lambda path: picture(path, 400, 600))


def many(folder, end, count, write, different=16):
    """Write `different` files and fill up with links to the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        target = folder / f"{number:05}.{end}"
        if number < different:
            write(target)
        else:
            target.symlink_to(f"00000.{end}")


def berkeley():
    for split, count in (("train", 40), ("val", 20), ("test", 20)):
        for number in range(count):
            picture(Path("BSR/BSDS500/data/images") / split / f"{number}.jpg", 321, 481)
    return "BSR"


def moving_digits():
    """Videos of 32 x 32 pixels; the example's have 64 x 64."""
    np.save("mnist_test_seq.npy", random.integers(0, 256, (20, 1000, 32, 32), dtype=np.uint8))
    return "mnist_test_seq.npy"


def tiny_scene():
    poses = np.tile(np.eye(4, dtype="float32"), (24, 1, 1))
    np.savez(
        "tiny_nerf_data.npz",
        images=random.random((24, 100, 100, 3), dtype="float32"),
        poses=poses,
        focal=np.array(138.9),
    )
    return "tiny_nerf_data.npz"


def videos():
    """Tables of videos, whose frames are `stand_ins.Video`, and the features that one example prepares of them."""
    for split, count in (("train", 12), ("test", 4)):
        np.save(f"{split}_data.npy", random.random((count, 20, 1024), dtype="float32"))
        np.save(f"{split}_labels.npy", (np.arange(count) % 4)[:, None])
        rows = [f"v_{number}.avi,class{number % 4}" for number in range(count)]
        Path(f"{split}.csv").write_text("\n".join(["video_name,tag", *rows]) + "\n")


def airplane_points():
    """Point clouds of airplanes, each point of one of four parts."""
    parts = ["wing", "body", "tail", "engine"]
    about = {"directory": "planes", "lables": parts, "colors": ["blue", "green", "red", "pink"]}
    folder = Path("PartAnnotation/planes")
    folder.mkdir(parents=True)
    Path("PartAnnotation/metadata.json").write_text(json.dumps({"Airplane": about}))
    many(folder / "points", "pts", 320, lambda path: np.savetxt(path, random.random((1100, 3)), "%.4f"))
    for index, part in enumerate(parts):  # points in the same order everywhere, so that each is of one part
        of_part = (np.arange(1100) * 4 // 1100 == index).astype(int)
        many(
            folder / "points_label" / part,
            "seg",
            320,
            lambda path, of_part=of_part: np.savetxt(path, of_part, "%d"),
        )
    return "PartAnnotation"


def elephant():
    picture(Path("elephant.jpg"), 300, 400)
    return "elephant.jpg"


def airplanes():
    from scipy.io import savemat

    pictures, boxes = Path("101_ObjectCategories/airplanes"), Path("Annotations/Airplanes_Side_2")
    boxes.mkdir(parents=True)
    for number in range(60):
        picture(pictures / f"image_{number + 1:04}.jpg", 160, 300)
        savemat(boxes / f"annotation_{number + 1:04}.mat", {"box_coord": np.array([[20, 140, 30, 270]])})
    Path("caltech-101").mkdir()
    with tarfile.open("caltech-101/101_ObjectCategories.tar.gz", "w:gz") as archive:
        archive.add("101_ObjectCategories")
    with tarfile.open("caltech-101/Annotations.tar", "w") as archive:
        archive.add("Annotations")
    return "caltech_101_zipped"


def scans():
    """Two archives of chest scans; `nibabel`, which reads them, is replaced too."""
    for name in ("CT-0", "CT-23"):
        with zipfile.ZipFile(f"{name}.zip", "w") as archive:
            for number in range(100):
                archive.writestr(f"{name}/study_{number:04}.nii.gz", b"")
    return "CT-0.zip"


PLANTED = {
    "PetImages": cats_and_dogs,
    "annotations/trimaps": oxford_pets,
    "DUTS-TE": salient_objects,
    "captcha_images_v2": captchas,
    "instance-level_human_parsing": human_parsing,
    "lol_dataset": dark_pictures,
    "train.csv": videos,
}
"""Words of an example -> what it expects in its folder."""

FETCHED = {
    "BSR": berkeley,
    "moving_mnist": moving_digits,
    "mnist_test_seq": moving_digits,
    "tiny_nerf": tiny_scene,
    "caltech_101": airplanes,
    "caltech-101": airplanes,
    "CT-": scans,
    "shapenet": airplane_points,
    "gcvit": lambda: "random weights, since `load_weights` is replaced",
    ".jpg": elephant,
    ".png": elephant,
}
"""Part of an address or a name -> what `keras.utils.get_file` would have fetched; returns its path."""


def plant(text):
    """Write the folders that an example of this text expects."""
    for word, write in PLANTED.items():
        if word in text:
            write()


def get_file(fname=None, origin=None, **_):
    """Stand in for `keras.utils.get_file`.

    Raises:
        LookupError: there is no stand-in for this file.
    """
    wanted = f"{fname} {origin}"
    for word, write in FETCHED.items():
        if word.lower() in wanted.lower():
            return write()
    raise LookupError(f"No stand-in for the download {wanted}.")
