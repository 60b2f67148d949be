"""Flipped bits and truncations in every file of a run folder: detected, or without effect.

    python benchmarks/faults/rot.py [--damages 1000] [--first 0] [--dry]

Two folders of small trainings, one finished and one stopped in its second epoch. Each damage is a function of its
number: the files take turns, so that each gets as many, whatever its size; seven in ten are one flipped bit, the others
cut the file short. A copy with that damage goes through every one of resume, predict, report, explain, evaluate and
summary that opens the file in an undamaged folder, as the system tells (inotify); the others never look at it.

Found or harmless means: an error of ours that names the folder; or an output that is equal; or one that is not, beside
a warning or a gap that is said. A resumed training must end in the very same state in any case, or refuse. About 12
minutes of one core.

Anything else is a fault, and the exit code 1. Writes a dated page to benchmarks/results/, unless --dry.
"""

import argparse
import ctypes
import datetime
import json
import os
import random
import shutil
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from small_runs import (
    config_of,
    differing,
    digest,
    forked,
    import_everything,
    picture_folder,
    save_at_every_step,
    state_of,
)

RESULTS = Path(__file__).parents[1] / "results"
FOLDERS = ("finished", "stopped")
SHARE_OF_BITS = 0.7
IN_OPEN = 0x20


def resume(run, _):
    """The state at the end; the report, which it would write too, is another verb."""
    import tellapart
    from tellapart.api import train as api_train

    api_train._with_report = lambda result, *_: result
    listener = ears()
    tellapart.train(resume=run, listener=listener)
    state = state_of(run)
    damaged = state.pop("damaged lines", None)  # which the report says
    return {"output": state, "said": [*listener.warnings, *([damaged] if damaged else [])]}


def predict(run, pictures):
    import tellapart

    found = tellapart.predict(run, [str(picture) for picture in pictures[:8]])
    return {"output": repr([(each.names, each.probabilities) for each in found.predictions]), "said": []}


def report(run, _):
    import tellapart

    facts = dict(tellapart.report(run, listener=ears()).facts)
    said = list(facts.pop("missing"))
    facts.pop("network", None)
    return {"output": digest(json.dumps(facts, sort_keys=True, default=str)), "said": said}


def explain(run, pictures):
    import tellapart

    found = tellapart.explain(run, str(pictures[0]))
    return {
        "output": digest(f"{found.answer} {found.training_examples}"),
        "said": [str(gap) for gap in found.gaps],
    }


def evaluate(run, _):
    import tellapart

    told = tellapart.evaluate(run).to_dict()
    return {"output": json.dumps(told, sort_keys=True, default=str), "said": []}


def summary(run, _):
    import tellapart

    return {"output": json.dumps(tellapart.summary(run).to_dict(), sort_keys=True, default=str), "said": []}


VERBS = {verb.__name__: verb for verb in (resume, predict, report, explain, evaluate, summary)}


def ears():
    from tellapart.api.listener import Listener

    class Ears(Listener):
        def __init__(self):
            self.warnings = []

        def warned(self, words):
            self.warnings.append(words)

    return Ears()


def make(pictures, out, is_finished):
    """Train; stop in the middle of the second epoch where it is not to be finished."""
    import tellapart
    from tellapart.api.listener import Listener

    asked = []

    def should_stop():
        asked.append(None)
        return not is_finished and len(asked) == 6

    save_at_every_step()
    config = config_of("Adam").changed(predictions=4)
    tellapart.train(str(pictures), recipe=config, out=out, listener=Listener(), should_stop=should_stop)
    (out / ".lock").unlink(missing_ok=True)


class Opened:
    """Within the block, the files of a folder that any process opens are noted in `names`."""

    def __init__(self, folder):
        self.folder, self.names = folder, set()

    def __enter__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.watch = libc.inotify_init1(os.O_NONBLOCK)
        self.places = {}
        for place in (self.folder, *[each for each in self.folder.rglob("*") if each.is_dir()]):
            self.places[libc.inotify_add_watch(self.watch, os.fsencode(place), IN_OPEN)] = place
        return self

    def __exit__(self, *_):
        try:
            while content := os.read(self.watch, 1 << 16):
                while content:
                    watched, _, _, length = struct.unpack("iIII", content[:16])
                    name = content[16 : 16 + length].rstrip(b"\0").decode()
                    self.names.add(str((self.places[watched] / name).relative_to(self.folder)))
                    content = content[16 + length :]
        except BlockingIOError:
            os.close(self.watch)


def files_of(run):
    return sorted(str(place.relative_to(run)) for place in run.rglob("*") if place.is_file())


def damage_of(number, files):
    """Return the folder, the file, and a function from content to damaged content."""
    rng = random.Random(number)
    folder, name = files[number % len(files)]
    where, is_bit = rng.random(), rng.random() < SHARE_OF_BITS
    bit = rng.randrange(8)

    def apply(content):
        if not is_bit:
            return content[: int(where * len(content))]
        changed = bytearray(content)
        changed[int(where * len(content))] ^= 1 << bit
        return bytes(changed)

    return folder, name, "flipped bit" if is_bit else "cut short", apply


def verdict(verb, told, undamaged, run):
    """Return what became of a verb: "refused", "equal", "said", or a fault's words."""
    if told["outcome"] == "refused":
        plain = "\n" not in told["message"] and str(run) in told["message"]
        return "refused" if plain else f"not plain: {told['message']}"
    if told["outcome"] != "fine":
        return f"{told['outcome']}: {told['message']}"
    value, expected = told["value"], undamaged["value"]
    said = value["said"] != expected["said"]
    if value["output"] == expected["output"]:
        return "said" if said else "equal"
    if verb == "resume":
        return f"resumed to another state: {differing(value['output'], expected['output'])}, said: {value['said']}"
    return "said" if said else "another output, and nothing said"


def run_damages(options, folder):
    """Return a row for each damage and verb."""
    pictures = picture_folder(folder / "pictures")
    photos = sorted(pictures.rglob("*.png"))
    undamaged, opened, files = {}, {}, []
    for name in FOLDERS:
        whole, copy = folder / name, folder / "copy"
        told = forked(make, pictures, whole, name == "finished")
        assert told["outcome"] == "fine", told
        files += [(name, file) for file in files_of(whole)]
        for verb, use in VERBS.items():
            for _ in range(2):
                shutil.copytree(whole, copy)
                with Opened(copy) as during:
                    told = forked(use, copy, photos)
                shutil.rmtree(copy)
                before = undamaged.setdefault((name, verb), told)
                assert before["outcome"] == told["outcome"], told
                assert before["value"] == told["value"], (name, verb, before["value"], told["value"])
            opened[name, verb] = during.names
    rows = []
    for number in range(options.first, options.first + options.damages):
        name, file, kind, apply = damage_of(number, files)
        of_damage = {"number": number, "folder": name, "file": file, "kind": kind}
        verbs = [verb for verb in VERBS if file in opened[name, verb]]
        if not verbs:
            rows.append(of_damage | {"verb": "none", "verdict": "never opened"})
        for verb in verbs:
            run = folder / "copy"  # where the undamaged one lay: a report names the place
            shutil.copytree(folder / name, run)
            (run / file).write_bytes(apply((run / file).read_bytes()))
            told = forked(VERBS[verb], run, photos)
            found = verdict(verb, told, undamaged[name, verb], run)
            rows.append(of_damage | {"verb": verb, "verdict": found})
            if is_fault(rows[-1]):
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
            shutil.rmtree(run)
    return rows


def is_fault(row):
    return row["verdict"] not in ("refused", "equal", "said", "never opened")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--damages", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    import_everything()
    with tempfile.TemporaryDirectory() as folder:
        rows = run_damages(options, Path(folder).resolve())
    write(options, machine, rows)
    sys.exit(any(map(is_fault, rows)))


def write(options, machine, rows):
    now = datetime.datetime.now(datetime.UTC)
    faults = [row for row in rows if is_fault(row)]
    record = {
        "faults": faults,
        "rows": [list(row.values()) for row in rows],
        "hardware": machine,
        "versions": versions(),
        "command": f"python benchmarks/faults/rot.py --damages {options.damages} --first {options.first}",
    }
    verdicts = ("never opened", "refused", "said", "equal", "faults")
    counts = Counter((row["file"], "faults" if is_fault(row) else row["verdict"]) for row in rows)
    damages = {row["number"]: (row["file"], row["kind"]) for row in rows}
    of_file, of_kind = (Counter(each[part] for each in damages.values()) for part in (0, 1))
    uses = sum(row["verb"] != "none" for row in rows)
    of_files = [
        {"file": file, "damages": of_file[file]} | {name: counts[file, name] for name in verdicts}
        for file in sorted(of_file)
    ]
    lines = [
        f"# Rot, {now:%Y-%m-%d}",
        "",
        f"{len(damages)} damages ({', '.join(f'{count} x {kind}' for kind, count in sorted(of_kind.items()))}) of the "
        f"files of a finished and a stopped run folder; {uses} uses of a damaged folder by {', '.join(VERBS)}. "
        f"Faults: {len(faults)}.",
        "",
        table(of_files, ("file", "damages", *verdicts)),
        "",
        "`never opened`: damages; the others: uses. `refused`: a plain error that names the folder. `said`: a warning, "
        "or a gap that is named. `equal`: the output is that of the undamaged folder, and nothing is said.",
        "",
        *[
            f"- {row['number']}: {row['file']}, {row['kind']}, {row['verb']}: {row['verdict'][:300]}"
            for row in faults
        ],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "rot", now, "\n".join(lines), record)


if __name__ == "__main__":
    main()
