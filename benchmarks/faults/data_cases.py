"""Mutants of good data, each a function of a random number generator: files, names and words of the command line."""

import os
import shutil
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import good_data
from data_verbs import command, evaluate, explain, open_all, open_known, predict, prepare, train
from isolation import isolated
from parquet_mutations import PARQUET
from picture_mutations import of_pictures
from table_mutations import CIFAR, IDX, LABELS, NPZ, PACKED_IDX, PACKED_TAR, PICKLE, TAR, ZIP


@dataclass
class Case:
    """A mutant and how it is opened."""

    kind: str
    change: str
    folder: Path
    """The only one that may be written to."""

    data: Path
    verbs: tuple
    model: Path
    labels: Path | None = None
    words: list = field(default_factory=list)


@dataclass
class Goods:
    """The good data by kind, and models of as many classes."""

    folders: dict
    models: Path
    bombs: Path

    def model(self, classes):
        return self.models / f"{classes}.keras"


def make_goods(folder):
    """Write the good data and models, in a process that ends: nothing may run before the forks."""
    import multiprocessing

    folders = good_data.write_all(folder)
    goods = Goods(folders, folder / "models", folder / "bombs")
    maker = multiprocessing.get_context("spawn").Process(target=_make_models, args=(goods.models,))
    maker.start()
    maker.join()
    return goods


def _make_models(folder):
    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.classifier import Classifier
    from tellapart.data.preprocess import Preprocessing
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    layers = keras.layers
    for names in (("cat", "dog"), ("0", "1"), tuple(good_data.CIFAR10)):
        rows = [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(len(names), activation="softmax")]
        model = keras.Sequential([keras.Input((8, 8, 3)), *rows])
        folder.mkdir(exist_ok=True)
        card = ModelCard(names, Preprocessing(height=8, width=8), {"recipe": "none"})
        Classifier.of_model(model, card).save(folder / f"{names[0]}.keras")


def mutant(rng, kinds, goods, place):
    """Write a mutant into a new folder."""
    place.mkdir()
    kind = rng.choice(kinds)
    return KINDS[kind](rng, kind, goods, place)


def changed(rng, path, others, changes):
    """Change a file; return the name of the change."""
    change = rng.choice(changes)
    path.write_bytes(change(rng, path.read_bytes(), rng.choice(others).read_bytes()))
    return change.__name__


def of_a_file(suffix, changes, verbs, model):
    """Cases of one file that is the whole data set."""

    def case(rng, kind, goods, place):
        files = sorted(goods.folders[kind].glob(f"*{suffix}"))
        path = Path(shutil.copy(rng.choice(files), place))
        return Case(kind, changed(rng, path, files, changes), place, path, verbs, goods.model(model))

    return case


def of_a_folder(inside, changes, verbs, model):
    """Cases of a folder of which a file is changed, or swapped with another, or gone."""

    def case(rng, kind, goods, place):
        origin = goods.folders[inside[0]] / rng.choice(inside[1:])
        data = Path(shutil.copytree(origin, place / origin.name))
        files = sorted(path for path in data.iterdir())
        path = rng.choice(files)
        if rng.random() < 0.05:
            change = "another file or none in its place"
            odd_file(rng, path, rng.choice(files))
        else:
            change = changed(rng, path, sorted(origin.iterdir()), changes)
        return Case(kind, change, place, data, verbs, goods.model(model))

    return case


def odd_file(rng, path, other):
    """Put something else in a file's place."""
    content = other.read_bytes() if other.exists() else b""
    path.unlink()
    kind = rng.choice(["none", "folder", "pipe", "other", "loop", "device", "dangling"])
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "other":
        path.write_bytes(content)
    elif kind in ("loop", "device", "dangling"):
        path.symlink_to({"loop": path, "device": "/dev/zero", "dangling": "nowhere"}[kind])


def archive_case(rng, kind, goods, place):
    files = sorted((goods.folders["cifar"] / "archives").iterdir())
    path = Path(shutil.copy(rng.choice(files), place))
    change = changed(rng, path, files, PACKED_TAR)
    return Case(kind, change, place, path, (open_all, prepare, evaluate, open_known), goods.model("airplane"))


def picture_archive_case(rng, kind, goods, place):
    """A changed archive of pictures."""
    files = sorted(goods.folders[kind].iterdir())
    path = Path(shutil.copy(rng.choice(files), place))
    changes = {".zip": ZIP, ".tar": TAR, ".gz": PACKED_TAR}[path.suffix]
    others = [other for other in files if other.suffix == path.suffix]
    model = goods.model("0" if "samples" in path.name else "cat")
    return Case(
        kind, changed(rng, path, others, changes), place, path, (open_all, open_all, prepare, evaluate), model
    )


def picture_case(rng, kind, goods, place):
    """A changed picture, among good ones or alone; one in forty a bomb."""
    data = Path(shutil.copytree(goods.folders["pictures"], place / "pictures"))
    files = sorted(data.rglob("*.*"))
    path = rng.choice(files)
    model = goods.model("cat")
    verbs = (open_all, prepare, predict, evaluate)
    if rng.random() < 1 / 40:
        bomb = goods.bombs / rng.choice(list(good_data.BOMBS))
        isolated(lambda: good_data.bomb(goods.bombs, bomb.name), goods.bombs.parent)
        path = Path(shutil.copy(bomb, path.with_suffix(bomb.suffix)))
        change = f"a bomb: {bomb.name}"
    elif rng.random() < 1 / 40:
        odd_file(rng, path, rng.choice(files))
        change = "another file or none in its place"
    else:
        ending = path.suffix[1:]
        others = files if rng.random() < 0.2 else sorted(data.rglob(f"*.{ending}"))
        change = f"{changed(rng, path, others, of_pictures(ending))} of {ending}"
    if rng.random() < 0.5:
        return Case(kind, change, place, path, (predict, predict, predict, explain), model)
    return Case(kind, change, place, data, verbs, model)


def labels_case(rng, kind, goods, place):
    origin = goods.folders["labels"]
    data = Path(shutil.copytree(origin / "pictures", place / "pictures"))
    files = [
        origin / f"{name}"
        for name in (
            "labels.csv",
            "split.csv",
            "labels.tsv",
            "labels.json",
            "labels.jsonl",
            "classes.json",
            "one-hot.csv",
        )
    ]
    labels = Path(shutil.copy(rng.choice(files), place))
    change = changed(rng, labels, files, LABELS)
    if rng.random() < 0.03:
        odd_file(rng, labels, origin / "labels.csv")
        change = "another file or none in its place"
    model = goods.model("cat")
    return Case(kind, change, place, data, (open_all, prepare, evaluate), model, labels)


ODD_NAMES = (
    "a\nb", "\x1b[2J", "\u202egnp.tac", "\u200b", "\u2028", "caf\udce9", "\udcff\udcfe", "-rf", "--help", "'", '"',
    "'\"`", "=cmd|'calc'!A0",
    "+1", "@x", "\t", " ", "  x ", ".", "x.", "~", "$HOME", "$(id)", "`id`", ";", "&", "|", "*", "?", "[x]", "{x}",
    "%s", "%n",
    "\\", "\\x1b", "C:", "con", "NUL", "x" * 255, "\u00e9" * 127, "\U0001f600", "e\u0301", "\u00e9", "\u1e9e",
    "\u0130", "\ufeff", "0", "00", "1e5", "nan", "null",
    "true", "<script>alert(1)</script>", "</script>", "]]>", "&amp;", "{{x}}", "x/../y", "train", "test",
    "validation", "9" * 200, "\u0661",
    "\x7f", "\x00", "a,b", "a;b", "file", "label", "#", "data:", "http://x", "file:x", "hub:x", "cifar10", "digits",
    "\r", "\x85",
)  # fmt: skip


def usable(name):
    """Return a name that a file system takes."""
    encoded = os.fsencode(name.replace("/", "_").replace("\0", "0"))[:240]
    return os.fsdecode(encoded) if encoded not in (b"", b".", b"..") else "dot"


def odd_name(rng):
    if rng.random() < 0.7:
        return usable(rng.choice(ODD_NAMES))
    if rng.random() < 0.5:
        return usable(os.fsdecode(rng.randbytes(rng.randint(1, 12))))
    return usable(
        "".join(chr(rng.choice([rng.randrange(1, 0x300), rng.randrange(0x2000, 0x2100)])) for _ in range(5))
    )


def names_case(rng, kind, goods, place):
    """Pictures in class folders, all of odd names."""
    data = place / odd_name(rng)
    names = []
    for number in range(rng.randint(2, 4)):
        name = odd_name(rng)
        if rng.random() < 0.1 and names:
            name = usable(unicodedata.normalize(rng.choice(["NFC", "NFD"]), names[0]).swapcase())
        names.append(name)
        (data / name).mkdir(parents=True, exist_ok=True)
        for picture in range(5):
            own = odd_name(rng) if rng.random() < 0.7 else str(picture)
            (data / name / usable(own[:200] + ".png")).write_bytes(
                good_data.picture(2 * picture + number % 2)
            )
    json_out, csv_out = rng.choice([["--json"], []]), rng.choice([["--csv", "-"], []])
    model, labels = goods.model("cat"), None
    words = rng.choice(
        [
            ["predict", model, data, *(json_out or csv_out)],
            ["data", data, *json_out],
            ["evaluate", model, data, *json_out],
            ["explain", model, next(data.rglob("*.png")), "--quick", "--out", place / "pages"],
            [
                "train",
                data,
                "--recipe",
                "quick",
                "--epochs",
                "1",
                "--size",
                "16",
                "--out",
                place / odd_name(rng),
            ],
        ]
    )
    verbs = (open_all, prepare, predict, evaluate, train, command, command)
    return Case(kind, "names of folders and files", place, data, verbs, model, labels, words)


VALUES = (
    "", " ", "0", "-1", "1", "1e9", "1e999", "nan", "inf", "-inf", "99999999999999999999", "0x10", "1.5", "x", "None",
    "true", "\u0661",
    "\x1b[2J", "\udcff", "../../etc/passwd", "/dev/zero", "/dev/stdin", "/etc/passwd", "-", "--", "=", "16", "16x16",
    "0x0", "99999x99999",
    "-1x-1", "16x", "63%", "-5%", "1000%", "x" * 5000, "9" * 5000, "on", "auto", "lite0", "MobileNetV2=/etc/passwd",
    "hub:../../x",
    "http://127.0.0.1:1/x", "file:///etc/passwd", "cifar10", "first-cnn", "transfer", "quick", ".", "/", "~", "\n",
    "a,b",
)  # fmt: skip
OPTIONS = {
    "train": (
        "--epochs", "--batch-size", "--size", "--seed", "--target", "--labels", "--fine-tune", "--backbone", "--recipe",
        "--resume",
    ),
    "evaluate": ("--split", "--labels", "--precision"),
    "predict": ("--top", "--precision"),
    "explain": ("--against",),
    "summary": ("--size", "--channels", "--classes"),
    "report": ("--compare",),
    "data": (),
}  # fmt: skip


def as_asked(option, value):
    """Whether a command does what these words say for ever: then that is no fault."""
    return option == "--epochs" and len(value) > 4 and value.isdecimal()


def settings_case(rng, kind, goods, place):
    """Odd values of options, and odd arguments."""
    data = Path(shutil.copytree(goods.folders["labels"] / "pictures", place / "pictures" / "cat"))
    shutil.copytree(data, place / "pictures" / "dog")
    data, model = place / "pictures", goods.model("cat")
    verb = rng.choice(list(OPTIONS))
    first = {
        "train": [data],
        "evaluate": [model, data],
        "predict": [model, data],
        "explain": [model, data / "cat" / "0.png"],
    }
    words = [verb, *first.get(verb, [model])]
    if verb == "train":
        words += ["--out", place / "run"]
        words += (
            ["--recipe", "quick", "--epochs", "1", "--size", "16"] if rng.random() < 0.8 else ["--no-augment"]
        )
    for option in rng.sample(OPTIONS[verb], min(len(OPTIONS[verb]), rng.randint(1, 2))):
        value = rng.choice(VALUES)
        words += [] if as_asked(option, value) else [option, value]
    if rng.random() < 0.3:
        words[rng.randrange(1, len(words))] = rng.choice(VALUES)
    return Case(kind, f"{verb}'s options", place, data, (command,), model, None, words)


def cases(inside, changes, model, *folders):
    return of_a_folder((inside, *folders), changes, (open_all, open_all, prepare, evaluate), model)


KINDS = {
    "pictures": picture_case,
    "npz": of_a_file(".npz", NPZ, (open_all, prepare, evaluate), "0"),
    "idx": cases("idx", IDX, "0", "plain"),
    "idx.gz": cases("idx", PACKED_IDX, "0", "packed"),
    "CIFAR binary": cases("cifar", CIFAR, "airplane", "cifar-10-binary", "cifar-100-binary"),
    "CIFAR pickles": cases("cifar", PICKLE, "airplane", "cifar-10-python", "cifar-100-python"),
    "archives": archive_case,
    "picture archives": picture_archive_case,
    "parquet": of_a_file(".parquet", PARQUET, (open_all, prepare, evaluate), "0"),
    "labels": labels_case,
    "names": names_case,
    "settings": settings_case,
}
"""Kind -> what makes a mutant of it."""
