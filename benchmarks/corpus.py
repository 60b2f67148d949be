"""Any pictures: what becomes of odd, damaged and hostile files, how long each takes, and how much memory.

    python benchmarks/corpus.py --pillow PILLOW/Tests/images

PILLOW is Pillow's source distribution, unpacked: its test images are those that once broke a decoder. Beside them:
generated cases (`corpus_cases.py`: orientations x formats, depths, profiles, alpha, animation, bombs, truncation,
names) and PNGs, JPEGs and WebPs with flipped bits or cut short.

Each file is read twice in a process of its own, forked from one that has imported everything: all its pixels
(`decode`), and as a training reads it at 224 pixels (`fitted`). A file is *read*, *refused* with PictureError, or it
*crashed*: another exception, a signal, or more than 60 seconds. Memory is the largest resident set of that process.
*Unexpected*: a generated case that should have been read and was refused, or the other way round; and damaged files or
Pillow's own, where either is right, never are.

Fails if anything crashed, was unexpected, took more than 5 seconds or more than 1 GiB. Prints a page and writes it,
with every file, to benchmarks/results/.
"""

import argparse
import datetime
import json
import os
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

from corpus_cases import GENERATED, corrupt
from machine import hardware, origin_lines, versions, write_results

RESULTS = Path(__file__).parent / "results"
SIDE = 224
MOST_SECONDS, MOST_BYTES, KILLED_AFTER = 5, 2**30, 60


def read_both(path):
    """Read a file both ways; return "read" or "refused", and the reason."""
    from tellapart.data.decode import decode
    from tellapart.data.fitted import fitted
    from tellapart.data.preprocess import Preprocessing
    from tellapart.errors import PictureError

    found = ("refused", "")
    preprocessing = Preprocessing(height=SIDE, width=SIDE, reading="fast")
    for read in (decode, lambda place: fitted(place, preprocessing).pixels):
        try:
            assert read(path).ndim == 3
            found = ("read", "")
        except PictureError as reason:
            if found[0] != "read":
                found = ("refused", str(reason))
    return found


def measured(path):
    """Return what becomes of a file in a process of its own."""
    reader, writer = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(KILLED_AFTER)
        try:
            warnings.simplefilter("ignore")
            found = read_both(path)
        except BaseException as reason:
            found = ("crashed", f"{type(reason).__name__}: {reason}")
        os.write(writer, json.dumps(found).encode("utf-8", "surrogatepass")[:60_000])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status, used = os.wait4(child, 0)
    outcome, reason = json.loads(answer) if answer else ("crashed", f"signal {os.WTERMSIG(status)}")
    return {
        "outcome": outcome,
        "reason": reason.replace(f"{path.parent}{os.sep}", ""),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "bytes": used.ru_maxrss * 1024,
    }


def groups_of(arguments):
    """Return {group: {name: (a function that returns the content or a path, whether it can be read)}}."""
    groups = {}
    if arguments.pillow:
        files = sorted(path for path in arguments.pillow.rglob("*") if path.is_file())
        if not files:
            raise SystemExit(
                f"{arguments.pillow}: no files. Name Tests/images of Pillow's source distribution."
            )
        groups["Pillow's test images"] = {
            str(path.relative_to(arguments.pillow)): (lambda path=path: path, None) for path in files
        }
    groups |= {name: make() for name, make in GENERATED.items()}
    return groups | corrupt(arguments.mutants, arguments.seed)


def run(groups, every):
    """Return {group: {name: measurement}} of every nth case."""
    import torch

    import tellapart.data.fitted  # so that a forked process imports nothing

    torch.set_num_threads(1)
    assert tellapart.data.fitted
    found, number = {}, 0
    with tempfile.TemporaryDirectory(prefix="tellapart-corpus-") as folder:
        for group, cases in groups.items():
            found[group] = {}
            for name, (make, readable) in cases.items():
                number += 1
                if number % every:
                    continue
                content = make()
                path = content if isinstance(content, Path) else Path(folder, name)
                if not isinstance(content, Path):
                    path.write_bytes(content)
                values = measured(path)
                expected = None if readable is None else "read" if readable else "refused"
                values["unexpected"] = expected not in (None, values["outcome"])
                found[group][name] = values
                if not isinstance(content, Path):
                    path.unlink()
    return found


def faults_of(found):
    """Return a line for each file that is not as it must be."""
    lines = []
    for group, cases in found.items():
        for name, values in cases.items():
            faults = [
                fault
                for fault, is_so in (
                    ("crashed", values["outcome"] == "crashed"),
                    (f"unexpectedly {values['outcome']}", values["unexpected"]),
                    (f"{values['cpu_seconds']:.1f} s", values["cpu_seconds"] > MOST_SECONDS),
                    (f"{values['bytes'] / 2**20:,.0f} MiB", values["bytes"] > MOST_BYTES),
                )
                if is_so
            ]
            if faults:
                lines.append(f"{group}: {name!a}: {', '.join(faults)} {values['reason'][:200]!a}")
    return lines


def page_of(found, record):
    """Return the page."""
    lines = [
        f"# Any pictures, {record['date']}",
        "",
        "| | files | read | refused | crashed | unexpected | slowest, CPU s | most memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    everything = {(group, name): values for group, cases in found.items() for name, values in cases.items()}
    for group, cases in [*found.items(), ("all", everything)]:
        if not cases:
            continue
        count = {
            kind: sum(values["outcome"] == kind for values in cases.values())
            for kind in ("read", "refused", "crashed")
        }
        unexpected = sum(values["unexpected"] for values in cases.values())
        slowest = max(values["cpu_seconds"] for values in cases.values())
        most = max(values["bytes"] for values in cases.values()) / 1e6
        lines.append(
            f"| {group} | {len(cases)} | {count['read']} | {count['refused']} | {count['crashed']} | {unexpected} | "
            f"{slowest:.2f} | {most:,.0f} |"
        )
    lines += [
        "",
        f"Limits: {MOST_SECONDS} seconds, {MOST_BYTES / 1e6:,.0f} MB, imports of 150 to 250 MB included.",
    ]
    lines += ["", *(record["faults"] or ["Nothing crashed, was unexpected, or passed a limit."]), ""]
    return "\n".join([*lines, *origin_lines(record)])


def main():
    """Read everything, write the page, and fail where a file is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pillow", type=Path, help="Tests/images of Pillow's source distribution")
    parser.add_argument("--mutants", type=int, default=500, help="damaged files of each of PNG, JPEG, WebP")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="only every nth file")
    parser.add_argument("--dry", action="store_true", help="write no page")
    arguments = parser.parse_args()
    now = datetime.datetime.now().astimezone()
    record = {
        "date": f"{now:%Y-%m-%d %H:%M}",
        "command": " ".join(["python", *sys.argv]),
        "hardware": hardware(),
        "versions": versions(),
    }
    found = run(groups_of(arguments), arguments.every)
    record["faults"], record["files"] = (
        faults_of(found),
        {group: {ascii(name): values for name, values in cases.items()} for group, cases in found.items()},
    )
    page = page_of(found, record)
    if arguments.dry:
        print(page)
    else:
        write_results(RESULTS, "corpus", now, page, record)
    raise SystemExit(1 if record["faults"] else 0)


if __name__ == "__main__":
    main()
