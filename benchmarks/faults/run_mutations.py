"""Mutants of run folders: (random, folder, folder of another run). Digests are made right again, so that it is read."""

import csv
import hashlib
import io
import json
import os
import random
import shutil
import tomllib
from pathlib import Path

import numpy as np
from byte_mutations import BLIND
from model_mutations import ODD, OF_ARCHIVES, changed_json

TEXTS = (
    "", "x", "\n", "\x1b[2J", "\u202egnp", "\udcff", "a" * 10**5, "../../etc/passwd", "/etc/passwd", "/dev/zero",
    "nan", "1e999", "train",
    "test", "validation", "cat", "transfer", "first-cnn", "SGD", "Muon", "held out", "cross-validation", "=1+1",
    "<script>", "~", "lite0",
    "best", "float16", "bfloat16", "crop", "{}", "[1]", "null", "-1", "999999999999", "1.5",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 3, 7, 16, 255, 256, 1000, 10**5, 10**6, 10**9, 2**31, 2**53, 2**63 - 1, -(2**63), 10**30, 0.0, -0.5,
    0.1, 0.999, 1.0,
    1.5, 1e-300, 1e300, float("nan"), float("inf"), True, False,
)  # fmt: skip


def deep(kind, depth):
    value = kind()
    for _ in range(depth):
        value = {"x": value} if kind is dict else [value]
    return value


def changed_values(rng, value, odd):
    """Replace, remove, rename, double or swap a few values of a structure, however deep."""
    for _ in range(rng.randint(1, 2)):
        holders = list(_holders(value))
        holder = rng.choice(holders)
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        action = rng.random()
        if action < 0.1:
            del holder[key]
        elif action < 0.2 and isinstance(holder, dict):
            holder[rng.choice(["x", "", "y z", "\n", key + "x"])] = holder[key]
        elif action < 0.2:
            holder.extend([holder[key]] * rng.choice([1, 1000]))
        elif action < 0.3:
            holder[key] = json.loads(json.dumps(rng.choice(holders)))
        elif action < 0.35:
            holder[key] = deep(rng.choice([dict, list]), rng.choice([3, 50, 400]))
        elif action < 0.7 and type(holder[key]) in (int, float):
            holder[key] = rng.choice(NUMBERS)
        elif action < 0.9 and isinstance(holder[key], str):
            holder[key] = rng.choice(TEXTS)
        else:
            holder[key] = rng.choice(odd)
    return value


def _holders(value):
    if value and isinstance(value, dict | list):
        yield value
        for part in value.values() if isinstance(value, dict) else value:
            yield from _holders(part)


# Each file


def blind(rng, run, other):
    """Flips, cuts and splices in any file; the digests stay as they are."""
    path = rng.choice(files(run))
    path.write_bytes(rng.choice(BLIND)(rng, path.read_bytes(), rng.choice(files(other)).read_bytes()))


def files(run):
    return sorted(path for path in run.rglob("*") if path.is_file() and path.name != "report.html")


def swap_files(rng, run, _):
    one, two = rng.sample(files(run), 2)
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)


def file_of_another(rng, run, other):
    path = rng.choice(files(other))
    place = run / path.relative_to(other)
    place.parent.mkdir(exist_ok=True)
    shutil.copy(path, place)


def odd_file(rng, run, _):
    """Nothing, a folder, a pipe, a link or an empty file in a file's place."""
    path = rng.choice(files(run))
    path.unlink()
    kind = rng.choice(
        ["none", "folder", "pipe", "loop", "device", "dangling", "empty", "directory of itself"]
    )
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty":
        path.touch()
    elif kind != "none":
        targets = {
            "loop": path,
            "device": "/dev/zero",
            "dangling": "nowhere",
            "directory of itself": path.parent,
        }
        path.symlink_to(targets[kind])


def settings_of(run):
    return tomllib.loads((run / "run.toml").read_text("utf-8", "surrogateescape"))


def write_settings(run, settings, changes_of_text=lambda text: text):
    """Write run.toml with its digest."""
    import tomli_w

    from tellapart.runs import sealed_settings

    text = changes_of_text(tomli_w.dumps(settings))
    seal = f"{sealed_settings._SEAL}{sealed_settings._digest(text)}\n"
    (run / "run.toml").write_text(seal + text, "utf-8", "surrogateescape", newline="")


def settings(rng, run, _, table=None):
    value = settings_of(run)
    changed_values(rng, value if table is None else value[table], [odd for odd in ODD if odd is not None])
    try:
        write_settings(run, value)
    except (TypeError, ValueError, RecursionError, KeyError):  # TOML cannot say it
        blind(rng, run, run)


def training_settings(rng, run, other):
    settings(rng, run, other, "run")


def data_settings(rng, run, other):
    settings(rng, run, other, "data")


def settings_text(rng, run, _):
    """Numbers and structures that our writer would not write."""
    odd = [
        "9" * 5000, "1e999", "-nan", "+inf", "[" * 3000 + "]" * 3000, "{a=" * 900 + "1" + "}" * 900,
        "1979-05-27T07:32:00Z", "07:32:00",
        '"\\uD800"', "'''\n'''", "0xffffffffffffffffffff", "[{}, {}]",
    ]  # fmt: skip

    def change(text):
        lines = text.splitlines()
        places = [place for place, line in enumerate(lines) if " = " in line]
        place = rng.choice(places)
        lines[place] = f"{lines[place].partition(' = ')[0]} = {rng.choice(odd)}"
        return "\n".join(lines) + "\n"

    write_settings(run, settings_of(run), change)


def split(rng, run, _):
    """Change rows of split.csv, and its digest in run.toml."""
    path = run / "split.csv"
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8", "surrogateescape"), newline="")))
    for _number in range(rng.randint(1, 3)):
        row = rng.choice(rows)
        action = rng.random()
        if action < 0.6:
            row[rng.randrange(len(row))] = rng.choice([*TEXTS, rng.choice(rows)[0], rng.choice(rows)[-1]])
        elif action < 0.8:
            rows.append(list(row) * rng.choice([1, 2]))
        else:
            rows.remove(row)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), "utf-8", "surrogateescape", newline="")
    value = settings_of(run)
    if "split_sha256" in value["data"]:
        value["data"]["split_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        write_settings(run, value)


def log(rng, run, _):
    """Change events in log.jsonl; each line's checksum is right again."""
    from tellapart.runs import event_log

    path = run / "log.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    for entry in entries:
        entry.pop("crc32", None)
    changed_values(rng, entries, [*ODD, *TEXTS])
    lines = [json.dumps(entry) for entry in entries]
    if rng.random() < 0.1:
        lines.insert(
            rng.randrange(len(lines)),
            rng.choice(["[" * 10**5, '{"a":' * 10**5, "9" * 5000, '{"event": ' + "9" * 5000 + "}"]),
        )
    path.write_text(
        "".join((event_log._sealed(line) if line.endswith("}") else line) + "\n" for line in lines)
    )


def tensors(rng, run, _):
    """Change names, shapes, types and values of tensors, or the metadata; the digest is right again."""
    from tellapart.runs.tensors_file import read_tensors, write_tensors

    path = rng.choice(sorted(run.rglob("*.safetensors")))
    values, notes = read_tensors(path)
    for _number in range(rng.randint(1, 2)):
        name = rng.choice(sorted(values)) if values else ""
        if not name or rng.random() < 0.4:
            _change_notes(rng, notes)
            continue
        values[name] = changed_tensor(rng, values[name])
        if rng.random() < 0.2:
            values[rng.choice(["x", "weights/9999", name + "x", "best/0000", "a/b/c"])] = values.pop(name)
    write_tensors(
        path, values, {name: str(value).encode("utf-8", "replace").decode() for name, value in notes.items()}
    )


def changed_tensor(rng, value):
    """Return other numbers, another type or another shape."""
    return rng.choice(
        [
            lambda: value.astype(rng.choice(["f2", "f8", "i1", "i8", "u1", "?"])),
            lambda: value * np.array(rng.choice([0, -1, 2]), value.dtype),
            lambda: np.full(value.shape, rng.choice([np.nan, np.inf, -np.inf, 1e38]), "f4"),
            lambda: np.full(value.shape, rng.choice([-1, 7, 2**62, -(2**63)]), "i8"),
            lambda: value[:0],
            lambda: value[:-1] if value.ndim else value[None],
            lambda: value.reshape(-1),
            lambda: value[None],
            lambda: np.concatenate([value, value]) if value.ndim else value,
            lambda: np.zeros((), value.dtype),
        ]
    )()


def _change_notes(rng, notes):
    name = rng.choice(sorted(notes)) if notes else "x"
    text = notes.get(name, "{}")
    try:
        notes[name] = json.dumps(changed_values(rng, json.loads(text), [*ODD, *TEXTS]))
    except (ValueError, IndexError, TypeError, UnicodeEncodeError):
        notes[name] = rng.choice([*TEXTS, "[" * 10**5, "9" * 5000])
    if rng.random() < 0.2:
        del notes[name]


def safetensors_header(rng, run, _):
    """Change the file's own header: offsets, types, shapes; the digest no longer fits, mostly."""
    path = rng.choice(sorted(run.rglob("*.safetensors")))
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = changed_json(rng, content[8 : 8 + size])
    length = len(header) if rng.random() < 0.8 else rng.choice([0, 10**6, 2**40, 2**63, 2**64 - 1])
    path.write_bytes(length.to_bytes(8, "little") + header + content[8 + size :])


def model(rng, run, other):
    """Change the model file as `model_mutations` does."""
    path = run / "model.keras"
    if not path.exists():
        return blind(rng, run, other)
    good = path.rename(run / "good.keras")
    rng.choice(OF_ARCHIVES)(rng, good, path, [good, other / "model.keras"])
    return good.unlink()


CHANGES = (
    *(blind,) * 3, swap_files, *(file_of_another,) * 2, *(odd_file,) * 2, *(settings,) * 2, *(training_settings,) * 5,
    *(data_settings,) * 4, *(settings_text,) * 2, *(split,) * 2, *(log,) * 3, *(tensors,) * 5,
    *(safetensors_header,) * 2,
    *(model,) * 2,
)  # fmt: skip


def mutant_of_run(number, runs, place):
    """Write the mutant of a number; return its folder and what was changed."""
    rng = random.Random(number)
    good = rng.choice(runs)
    others = [run for run in runs if run != good]
    run = Path(shutil.copytree(good, place / "run"))
    change = rng.choice(CHANGES)
    change(rng, run, rng.choice(others))
    return run, f"run: {change.__name__}"
