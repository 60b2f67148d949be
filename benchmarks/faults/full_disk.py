"""Trainings on a disk that is full, or that fails, at each write: finished epochs are kept, and one sentence says so.

    python benchmarks/faults/full_disk.py [--sizes 80] [--first 0] [--calls write openat ...] [--dry]

Two kinds of cases, each a real process of the command `train` and real files:
- full: the run folder lies on a file system in memory (tmpfs; needs root) of a size drawn from 4 kB to what the
  training needs, in a quarter of them with room for some files only. About 8 minutes.
- injected: strace lets one system call of the training fail: each write, flush, rename, new file, new folder and change
  of length in its run folder, in its beginning, its first two saves, at its first epoch's end, and from its last save
  on, with ENOSPC and with EIO, by turns this one call only and all such calls from this one on (but not of opening
  files, without which nothing runs). About 15 minutes.

A training must end with 0 and all that matters, or with 1 and one paragraph that has the system's reason and the next
step; no temporary file may be left. When there is room again, `train --resume`, or the same command where run.toml was
not written, comes to the bytes of an uninterrupted training and does no step again that was saved. Anything else is a
fault, and the exit code 1. Writes a dated page and every fault to benchmarks/results/, unless --dry.
"""

import argparse
import contextlib
import datetime
import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from training_case import AS_USUAL, EACH_STEP, Case, Uninterrupted, watched
from training_process import import_everything, make_data

RESULTS = Path(__file__).parents[1] / "results"

LARGEST = {"quick": 14 << 20, "transfer": 2 << 20}
"""Bytes that a training of the recipe may need at once, temporary files included."""

PAGE = 4096

FAILING = ("write", "fsync", "rename", "renameat", "openat", "mkdir", "ftruncate", "chmod")
"""The system calls that are made to fail; a disk that lets nothing be removed is another matter."""

REASONS = {name: os.strerror(getattr(errno, name)) for name in ("ENOSPC", "EIO")}


class FaultyCase(Case):
    """A training on a faulty disk."""

    may_lack = ("checkpoints", "features.safetensors")

    def happen(self, training, reason):
        """Note how a training ended that met a full or failing disk."""
        training.end()
        self.take_in(training)
        words = " ".join((training.output or "").split())
        self.told |= {"code": training.code, "said": words[-600:], "saves": training.count("saved")}
        self.told["point"] = self._point(training)
        if training.code is None:
            self._blame(f"it died: status {training.status}")
        elif "Traceback" in words or "bug in tellapart" in words:
            self._blame("a traceback")
        elif training.code == 1:
            self._judge(words[words.rindex("Error: ") :] if "Error: " in words else "", reason)
        elif training.code != 0:
            self._blame(f"exit code {training.code}")
        left = [str(p.relative_to(self.run)) for p in self.run.rglob(".*") if not p.name.startswith(".lock")]
        if left:
            self._blame(f"left {left}")

    def _judge(self, error, reason):
        if reason not in error:
            self._blame("the error does not give the system's reason")
        if not any(step in error for step in ("--resume", "the command again", "another folder with --out")):
            self._blame("the error names no next step")
        if (self.run / "run.toml").exists() != ("--resume" in error):
            self._blame("the next step is the wrong one")

    def _point(self, training):
        """Return how far it had come."""
        if training.code == 0:
            return "a warning, or nothing"
        if (self.run / "model.keras").exists():
            return "the end"
        return "saves" if training.steps else "the beginning"

    def _blame(self, words):
        self.told["fault"] += f"{words}; "


@contextlib.contextmanager
def small_disk(place, size, files):
    """Mount a file system in memory with room for so many bytes and files (0: any number)."""
    place.mkdir()
    options = f"size={size}" + (f",nr_inodes={files}" if files else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield lambda: subprocess.run(
            ["mount", "-o", "remount,size=256m,nr_inodes=10000", str(place)], check=True
        )
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def full_case(number, folder, wholes):
    rng = np.random.default_rng((3, number))
    recipe = "transfer" if number % 4 == 3 else "quick"
    pages = int(np.exp(rng.uniform(0, np.log(LARGEST[recipe] / PAGE)))) if number % 2 else 0
    size = PAGE * (pages or int(rng.integers(1, LARGEST[recipe] // PAGE)))
    files = int(rng.integers(2, 16)) if number % 8 in (2, 3) else 0
    place = folder / f"disk-{number}"
    with small_disk(place, LARGEST[recipe] if files else size, files) as enlarge:
        case = FaultyCase(f"full-{number}", "full", recipe, place, wholes[recipe], folder)
        case.told |= {"size": size, "files": files}
        pause = case.told["pause"] = (EACH_STEP, AS_USUAL)[number // 2 % 2]
        case.happen(case.start(pause), REASONS["ENOSPC"])
        enlarge()
        return case.finish()


def injected_case(number, operation, error, recipe, folder, whole):
    call, which, place = operation
    once = call == "openat" or number // 2 % 2
    name = f"{recipe}-{number}-{error}"
    case = FaultyCase(name, f"injected {error}", recipe, folder, whole)
    case.told["operation"] = f"{call} {which}{'' if once else '+'} {place}"
    inject = f"inject={call}:error={error}:when={which}{'' if once else '+'}"
    arguments = ["-o", str(folder / "trace"), "-e", "signal=none", "-e", f"trace={call}", "-e", inject]
    case.happen(case.start(EACH_STEP, traced=arguments), REASONS[error])
    return case.finish()


def cases(options, folder):
    """Yield what every case tells."""
    wholes = {recipe: Uninterrupted(recipe, folder) for recipe in ("quick", "transfer")}
    for number in range(options.first, options.first + options.sizes):
        yield full_case(number, folder, wholes)
    for recipe in ("quick", "transfer") if options.calls else ():
        operations = [e for e in watched(recipe, folder) if e[0] in options.calls and ".lock" not in e[2]]
        for number, operation in enumerate(operations):
            for error in REASONS:
                yield injected_case(
                    number + (error == "EIO") * 2, operation, error, recipe, folder, wholes[recipe]
                )


def row_of(kind, told):
    mine = [each for each in told if each["kind"] == kind]
    points = Counter(each["point"] for each in mine)
    return {
        "disk": kind,
        "cases": len(mine),
        "ended in the beginning": points["the beginning"],
        "before the model was written": points["saves"],
        "after it": points["the end"],
        "went on (a warning, or harmless)": points["a warning, or nothing"],
        "resumed": sum(each["how"] == "resumed" for each in mine),
        "begun anew": sum(each["how"] == "begun anew" for each in mine),
        "faults": sum(bool(each["fault"]) for each in mine),
    }


def page_of(told, seconds, now, record):
    rows = [row_of(kind, told) for kind in ("full", *(f"injected {error}" for error in REASONS))]
    points = {(e["recipe"], *e["operation"].replace("+", "").split()[:2]) for e in told if "operation" in e}
    calls = Counter(each["operation"].split()[0] for each in told if "operation" in each)
    return [
        f"# Full and failing disks, {now:%Y-%m-%d}",
        "",
        f"{len(told)} trainings of 3 epochs on a disk that was full or failed, in {seconds / 60:.0f} minutes: on file "
        f"systems of {rows[0]['cases']} sizes, and with {len(points)} system calls of a training each made to fail. "
        "When there was room again, the training was resumed, or begun anew where `run.toml` was not written, and its "
        "weights, optimizer, model, predictions and epochs were compared with those of an uninterrupted one. Faults: "
        f"{sum(row['faults'] for row in rows)}.",
        "",
        table(rows, list(rows[0])),
        "",
        "- Calls made to fail: " + ", ".join(f"{count} {call}" for call, count in calls.most_common()) + ".",
        *[f"- Fault: {t['number']} ({t.get('operation', '')}): {t['fault']}" for t in told if t["fault"]],
        *origin_lines(record),
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, default=80)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--calls", nargs="*", default=FAILING, choices=FAILING)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine, began, told = hardware(), time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        import_everything()
        make_data(Path(folder))
        for each in cases(options, Path(folder)):
            told.append(each)
            if each["fault"]:
                print(json.dumps(each), flush=True)
    now = datetime.datetime.now(datetime.UTC)
    calls = "" if options.calls == FAILING else f" --calls {' '.join(options.calls)}"
    command = f"python benchmarks/faults/full_disk.py --sizes {options.sizes}{calls}"
    record = {"cases": told, "hardware": machine, "versions": versions(), "command": command}
    page = "\n".join(page_of(told, time.perf_counter() - began, now, record))
    if options.dry:
        print(page)
    else:
        write_results(RESULTS, "full_disk", now, page, record)
    sys.exit(any(each["fault"] for each in told))


if __name__ == "__main__":
    main()
