"""What `tellapart check` finds of faults that were planted in real pictures.

    python benchmarks/check_planted.py [--photos PHOTOS] [--cifar COUNT] [--draws 3] [--all-of-cifar]

PHOTOS has train/<class> and test/<class>. COUNT pictures of CIFAR-10 (a fifth of them test pictures) are written as PNG
files. Into a copy of each go, at random and in different pictures: 50 copies of training pictures among the test
pictures; 50 more that are resized, cropped by up to a tenth or saved as JPEG; 50 pictures of another class's folder; 20
damaged files. The check then knows nothing but the folder. What else it names is counted: of the pairs, those that no
planted picture is part of.

--all-of-cifar times the check of all 60,000 pictures, and writes a sheet with ten pairs of a test and a training
picture beside the page. Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import hashlib
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image

RESULTS = Path(__file__).parent / "results"
COPIES, CHANGED, FLIPPED, DAMAGED = 50, 50, 50, 20
FIRST_SUSPECTS = 100


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--cifar", type=int, default=0)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--all-of-cifar", action="store_true")
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now(datetime.UTC)
    runs = []
    for draw in range(options.draws):
        if options.photos:
            runs.append({"pictures": "cats and dogs", "draw": draw} | planted_in_photos(options.photos, draw))
        if options.cifar:
            name = f"{options.cifar:,} of CIFAR-10"
            runs.append({"pictures": name, "draw": draw} | planted_in_cifar(options.cifar, draw))
    whole = all_of_cifar(now) if options.all_of_cifar else None
    words = ["--photos", options.photos.name] if options.photos else []
    words += ["--cifar", str(options.cifar)] if options.cifar else []
    words += [f"--draws {options.draws}", *["--all-of-cifar"] * options.all_of_cifar]
    record = {
        "runs": runs,
        "cifar10": whole,
        "hardware": machine,
        "versions": versions(),
        "command": f"python benchmarks/check_planted.py {' '.join(words)}",
    }
    lines = [f"# Planted faults that `tellapart check` finds, {now:%Y-%m-%d}", ""]
    if runs:
        lines += [table(runs, list(runs[0])), ""]
    if whole:
        lines += [f"All of CIFAR-10: {', '.join(f'{name} {value}' for name, value in whole.items())}.", ""]
    write_results(RESULTS, "check_planted", now, "\n".join([*lines, *origin_lines(record)]), record)


def planted_in_photos(photos, draw):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "photos"
        for split in ("train", "test"):
            shutil.copytree(photos / split, root / split)
        return planted(root, draw)


def planted_in_cifar(count, draw):
    import tellapart

    dataset = tellapart.open_dataset("cifar10", download=True)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "cifar"
        for name, share in (("train", 0.8), ("test", 0.2)):
            split = dataset.splits[name]
            for row in np.random.default_rng(draw).permutation(len(split))[: round(share * count)]:
                folder = root / name / dataset.class_names[split.labels[row]]
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(split.images.read(row)).save(folder / f"{row:05}.png")
        return planted(root, draw)


def planted(root, draw):
    """Plant faults below `root`, check it, and compare."""
    import tellapart

    random = np.random.default_rng(draw)
    faults = plant(root, random)
    before, began = digest(root), time.monotonic()
    result = tellapart.check(root)
    seconds = time.monotonic() - began
    assert digest(root) == before, "the tree has changed"
    values = result.to_dict()
    pairs = {kind: pairs_of(values, kind == "exact") for kind in ("exact", "near")}
    groups = {finding["kind"]: finding["groups"] for finding in values["findings"]}
    suspects = [group[0] for group in groups.get("wrong label", [])]
    involved = {name for pair in (*faults["copies"], *faults["changed"]) for name in pair}
    return {
        "copies": f"{found(faults['copies'], pairs['exact'])} of {COPIES}",
        "changed": f"{found(faults['changed'], pairs['near'] | pairs['exact'])} of {CHANGED}",
        "other pairs": sum(not pair & involved for each in pairs.values() for pair in each),
        f"flipped, in the first {FIRST_SUSPECTS}": (
            f"{len(set(suspects[:FIRST_SUSPECTS]) & faults['flipped'])} of {FLIPPED}"
        ),
        "flipped, in all suspects": f"{len(set(suspects) & faults['flipped'])} of {len(suspects)} suspects",
        "damaged": f"{len(faults['damaged'] & {g[0] for g in groups.get('unreadable', [])})} of {DAMAGED}",
        "wrongly unreadable": len({g[0] for g in groups.get("unreadable", [])} - faults["damaged"]),
        "seconds": seconds,
    }


def pairs_of(values, exact):
    return {frozenset((pair["first"], pair["second"])) for pair in values["pairs"] if pair["exact"] == exact}


def found(planted_pairs, pairs):
    return sum(frozenset(pair) in pairs for pair in planted_pairs)


def plant(root, random):
    """Return the ids of what was planted."""
    train = sorted(root.glob("train/*/*"))
    order = [train[index] for index in random.permutation(len(train))]
    copied, changed = order[:COPIES], order[COPIES : COPIES + CHANGED]
    rest = order[COPIES + CHANGED :] + sorted(root.glob("test/*/*"))
    rest = [rest[index] for index in random.permutation(len(rest))]
    faults = {"copies": [], "changed": []}
    for path in copied:
        target = root / "test" / path.parent.name / f"copy-of-{path.name}"
        shutil.copyfile(path, target)
        faults["copies"].append((name_of(path, root), name_of(target, root)))
    for number, path in enumerate(changed):
        target = root / "test" / path.parent.name / f"changed-{path.stem}"
        target = CHANGES[number % len(CHANGES)](path, target, random)
        faults["changed"].append((name_of(path, root), name_of(target, root)))
    faults["flipped"] = {name_of(flip(path, random), root) for path in rest[:FLIPPED]}
    damaged = rest[FLIPPED : FLIPPED + DAMAGED]
    for number, path in enumerate(damaged):
        path.write_bytes(DAMAGES[number % len(DAMAGES)](path.read_bytes(), random))
    faults["damaged"] = {name_of(path, root) for path in damaged}
    return faults


def resized(path, target, random):
    image = Image.open(path).convert("RGB")
    share = random.uniform(0.6, 0.9)
    image = image.resize((round(share * image.width), round(share * image.height)), Image.Resampling.BICUBIC)
    return saved(image, target.with_name(target.name + ".png"))


def cropped(path, target, random):
    """Cut up to a tenth of each side away."""
    image = Image.open(path).convert("RGB")
    left, top = (random.uniform(0, 0.1) * side for side in image.size)
    right, bottom = (side - random.uniform(0, 0.1) * side for side in image.size)
    image = image.crop((round(left), round(top), round(right), round(bottom)))
    return saved(image, target.with_name(target.name + ".png"))


def saved_as_jpeg(path, target, random):
    target = target.with_name(target.name + ".jpg")
    Image.open(path).convert("RGB").save(target, quality=int(random.integers(40, 85)))
    return target


def saved(image, target):
    image.save(target)
    return target


CHANGES = (resized, cropped, saved_as_jpeg)


def flip(path, random):
    """Move a picture to another class's folder."""
    others = sorted(folder for folder in path.parent.parent.iterdir() if folder != path.parent)
    target = others[random.integers(len(others))] / f"moved-{path.name}"
    path.rename(target)
    return target


def cut_off(content, _random):
    return content[: len(content) // 2]


def emptied(_content, _random):
    return b""


def error_page(_content, _random):
    return b"<!DOCTYPE html><html><body>404 Not Found</body></html>"


def overwritten(content, random):
    return random.bytes(len(content))


DAMAGES = (cut_off, emptied, error_page, overwritten)


def name_of(path, root):
    return path.relative_to(root).as_posix()


def digest(root):
    """Return the sha256 of all names and contents of a tree."""
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0")
        if path.is_file():
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def all_of_cifar(now):
    """Time the check of CIFAR-10; write ten pairs of a test and a training picture."""
    import tellapart

    began = time.monotonic()
    result = tellapart.check("cifar10")
    seconds = time.monotonic() - began
    values, album = result.to_dict(), result.checked.album
    crossing = [pair for pair in values["pairs"] if split_of(pair["first"]) != split_of(pair["second"])]
    tests = {
        pair[side] for pair in crossing for side in ("first", "second") if split_of(pair[side]) == "test"
    }
    within = {
        pair["second"]
        for pair in values["pairs"]
        if split_of(pair["first"]) == split_of(pair["second"]) == "test"
    }
    chosen = np.random.default_rng(0).permutation(len(crossing))[:10]
    row_of = {identifier: row for row, identifier in enumerate(album.ids)}
    sheet = Image.new("RGB", (10 * 72, 2 * 72), "white")
    for place, index in enumerate(chosen):
        for line, side in enumerate(("first", "second")):
            images, row = album.place(row_of[crossing[index][side]])
            picture = Image.fromarray(images.read(row)).resize((64, 64), Image.Resampling.NEAREST)
            sheet.paste(picture, (72 * place + 4, 72 * line + 4))
    target = Path(tempfile.gettempdir()) / f"check_planted-{now:%Y-%m-%d-%H%M}-pairs.png"
    sheet.save(target)
    print(f"Ten pairs, training picture above test picture: {target}")
    return {
        "seconds": round(seconds, 1),
        "exact pairs": sum(pair["exact"] for pair in values["pairs"]),
        "test pictures with a near duplicate in train": len(tests),
        "share of the test pictures": f"{len(tests) / 100:.2f}%",
        "further test pictures with one in test": len(within - tests),
        "pairs in all": len(values["pairs"]),
        "label suspects": next(
            (finding["pictures"] for finding in values["findings"] if finding["kind"] == "wrong label"), 0
        ),
        "peak memory in MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def split_of(identifier):
    return identifier.split("/")[0]


if __name__ == "__main__":
    main()
