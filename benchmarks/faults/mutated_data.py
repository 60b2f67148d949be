"""Data changed at random, through all that opens it: nothing but an answer or a plain refusal.

    python benchmarks/faults/mutated_data.py [--mutants 5000] [--minutes 20] [--first 0] [--kinds npz ...] [--dry]

Every mutant is a function of its number: which kind of good data it comes from (pictures in thirteen formats and
bombs among them, `.npz`, idx, CIFAR's folders, pickles and archives, parquet, labels, names of files and classes,
settings), what is changed (blindly, or knowing the format, with lengths and checksums made right again), and what opens
it: the data set with all its pictures, the preparation of a training, `predict`, `evaluate`, or the command line. Each
runs in a process of its own, with limits on time and memory (`isolation.py`). A mutant that still opens is fine.

Prints how they ended; a traceback, a killed or slow process, or anything done outside its folder is a fault, and the
exit code 1. Writes a dated page and every fault to benchmarks/results/, unless --dry. 5,000 take a quarter of an hour.
"""

import argparse
import datetime
import gc
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from data_cases import KINDS, make_goods, mutant
from data_verbs import import_everything
from isolation import is_fault, isolated
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parents[1] / "results"
OUTCOMES = ("fine", "refused", "traceback", "killed", "too slow")


def run(options, folder):
    """Run the mutants; return how each ended."""
    goods = make_goods(folder / "good")
    import_everything()
    gc.freeze()  # a collection in each process would copy all that the imports made
    runs, begun = [], time.monotonic()
    for number in range(options.first, options.first + options.mutants):
        if time.monotonic() - begun > 60 * options.minutes:
            break
        rng, place = random.Random(number), folder / f"mutant-{number}"
        case = mutant(rng, options.kinds, goods, place)
        verb = rng.choice(case.verbs)
        told = isolated(lambda case=case, verb=verb: verb(case), place, goods.models, seconds=60)
        told |= {"number": number, "kind of data": case.kind, "change": case.change, "verb": verb.__name__}
        runs.append(told)
        if is_fault(told):
            print(json.dumps(told), flush=True)
        if not options.keep:
            shutil.rmtree(place)
    return runs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--keep", action="store_true", help="leave the mutants where the last line says")
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    folder = Path(tempfile.mkdtemp(prefix="mutated-data-"))
    try:
        runs = run(options, folder)
    finally:
        print(f"Kept in {folder}") if options.keep else shutil.rmtree(folder)
    faults = [told for told in runs if is_fault(told)]
    page, record = told_of(runs, faults, options, machine)
    if options.dry:
        print(page)
    else:
        now = datetime.datetime.now(datetime.UTC)
        write_results(RESULTS, "mutated_data", now, page, record)
    sys.exit(bool(faults))


def told_of(runs, faults, options, machine):
    """Return the page and the record of a run."""
    rows = []
    for kind in [*options.kinds, "all"]:
        ended = [told for told in runs if kind in ("all", told["kind of data"])]
        counts = Counter(told["outcome"] for told in ended)
        worst = {key: max((told[key] for told in ended), default=0) for key in ("seconds", "megabytes")}
        rows.append({"kind": kind, "mutants": len(ended)} | {name: counts[name] for name in OUTCOMES} | worst)
    command = (
        f"python benchmarks/faults/mutated_data.py --mutants {options.mutants} --minutes {options.minutes:g}"
    )
    record = {"faults": faults, "hardware": machine, "versions": versions(), "command": command}
    verbs = Counter(told["verb"] for told in runs)
    lines = [
        f"# Mutated data, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "",
        f"{len(runs):,} mutants from number {options.first}, "
        f"{len({(told['kind of data'], told['change']) for told in runs})} kinds of change, each through one of "
        f"{', '.join(f'{verb} ({count:,})' for verb, count in verbs.most_common())}. "
        f"Faults: {len(faults)}; done outside: {sum(bool(told['outside']) for told in runs)}. "
        "Seconds and megabytes are the most that one process took, with its imported packages.",
        "",
        table(rows, ["kind", "mutants", *OUTCOMES, "seconds", "megabytes"]),
        "",
        *[f"- {count} x {kind}" for kind, count in Counter(told["kind"] for told in faults).most_common()],
        "",
        *origin_lines(record),
    ]
    return "\n".join(lines), record


if __name__ == "__main__":
    main()
