"""Two and sixteen processes on one run folder: one of them writes, the others are told, readers are not disturbed.

    python benchmarks/faults/two_processes.py [--setups 20] [--first 0] [--dry]

Each set-up is a function of its number: how many processes (2 or 16), and what they do, all from the same moment on:

- new: each begins a new run in the same folder,
- resume: each resumes the same stopped run,
- mixed: half resume it, half begin a new run there,
- killed: one begins a run and is killed with SIGKILL at a random step, while the others try to resume it, again and
  again, until it is finished,
- readers: one resumes it, while the others report, predict, evaluate and summarize, again and again.

Shown: no two processes hold the folder at once; the others are told that it is in use and by which process, or that it
holds a run already; each reading ends well; the final state is, to the bit, that of a training that was alone, with one
line for each epoch. About 4 minutes of one core.

Anything else is a fault, and the exit code 1. Writes a dated page to benchmarks/results/, unless --dry.
"""

import argparse
import datetime
import itertools
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from small_runs import (
    EPOCHS,
    Forked,
    config_of,
    differing,
    forked,
    import_everything,
    picture_folder,
    save_at_every_step,
    state_of,
)

RESULTS = Path(__file__).parents[1] / "results"
KINDS = ("new", "resume", "mixed", "killed", "readers")
SIZES = (2, 16)
SECONDS = 300
"""After so long a process is ended, which is a fault."""

TOLD = (r"is in use: process (\d+) on ", "never overwritten", "holds a training that was not finished")
"""What somebody is told who may not write."""


class Writer:
    """A training in this process that notes when it holds the folder, and takes its time for each step."""

    def __init__(self, rng, killed_at=None):
        self.rng, self.killed_at, self.steps, self.holds = rng, killed_at, 0, []

    def train(self, **settings):
        """Train; return the message where somebody else is in the way."""
        import tellapart
        from tellapart.api import train as api_train
        from tellapart.api.listener import Listener
        from tellapart.errors import ConfigError
        from tellapart.events import StepDone

        writer, with_report = self, api_train._with_report

        class Ears(Listener):
            def folder_made(self, _):
                writer.holds.append([time.monotonic(), None])

            def event(self, event):
                if isinstance(event, StepDone):
                    writer.steps += 1
                    time.sleep(writer.rng.uniform(0, 0.1))
                    if writer.steps == writer.killed_at:
                        os.kill(os.getpid(), signal.SIGKILL)

        def finishing(*given):
            result = with_report(*given)
            writer.holds[-1][1] = time.monotonic()
            return result

        api_train._with_report = finishing
        try:
            tellapart.train(listener=Ears(), **settings)
        except ConfigError as reason:
            return str(reason)
        finally:
            api_train._with_report = with_report
        return None


def write(role, gate, data, out, seed, killed_at=None):
    """Be a writer: `new`, `resume`, or `waits`, which tries to resume until the run is finished."""
    from tellapart.runs.folder import RunFolder

    rng = random.Random(seed)
    writer, told = Writer(rng, killed_at), []
    save_at_every_step()
    os.read(gate, 1)
    time.sleep(rng.uniform(0, 0.05))
    settings = (
        {"data": str(data), "recipe": config_of("Adam"), "out": out} if role == "new" else {"resume": out}
    )
    folder = RunFolder(out)
    while True:
        if role == "waits" and not folder.can_resume:
            time.sleep(0.01)
            continue
        refused = writer.train(**settings)
        told += [refused] if refused else []
        if role != "waits" or not refused or folder.is_finished:
            return {"role": role, "pid": os.getpid(), "holds": writer.holds, "told": told}
        time.sleep(rng.uniform(0, 0.2))


def read(verb, gate, pictures, out, until):
    """Be a reader until a file appears; return how often it read."""
    import tellapart

    use = {
        "report": lambda: tellapart.report(out),
        "predict": lambda: tellapart.predict(out, [str(picture) for picture in pictures[:4]]),
        "evaluate": lambda: tellapart.evaluate(out),
        "summary": lambda: tellapart.summary(out),
    }[verb]
    os.read(gate, 1)
    times = 0
    while not until.exists() or not times:
        use()
        times += 1
    return {"role": verb, "pid": os.getpid(), "times": times, "holds": [], "told": []}


def stop_early(data, out):
    """Train, and stop in the middle of the second epoch."""
    import tellapart
    from tellapart.api.listener import Listener

    asked = []

    def should_stop():
        asked.append(None)
        return len(asked) == 6

    tellapart.train(
        str(data), recipe=config_of("Adam"), out=out, listener=Listener(), should_stop=should_stop
    )


def alone(data, out):
    import tellapart
    from tellapart.api.listener import Listener

    tellapart.train(str(data), recipe=config_of("Adam"), out=out, listener=Listener())
    return state_of(out)


def setup_of(number):
    return {
        "number": number,
        "kind": KINDS[number % len(KINDS)],
        "processes": SIZES[number // len(KINDS) % 2],
    }


def begin(setup, gate, data, out, until):
    """Fork the processes of a set-up, which wait for the gate to open."""
    rng = random.Random(setup["number"])
    count, pictures = setup["processes"], sorted(data.rglob("*.png"))
    roles = {
        "new": ["new"] * count,
        "resume": ["resume"] * count,
        "mixed": ["resume", "new"] * (count // 2),
        "killed": ["new"] + ["waits"] * (count - 1),
        "readers": ["resume"] + ["report", "predict", "evaluate", "summary"] * (count // 4 + 1),
    }[setup["kind"]][:count]
    processes = []
    for index, role in enumerate(roles):
        if role in ("report", "predict", "evaluate", "summary"):
            processes.append(Forked(read, role, gate, pictures, out, until))
        else:
            killed_at = rng.randint(1, 10) if setup["kind"] == "killed" and index == 0 else None
            processes.append(Forked(write, role, gate, data, out, rng.random(), killed_at))
    return processes


def run_setup(setup, data, stopped, expected, folder):
    """Return the set-up with what its processes told, and what is wrong."""
    out, until = folder / f"run-{setup['number']}", folder / f"over-{setup['number']}"
    if setup["kind"] in ("resume", "mixed", "readers"):
        shutil.copytree(stopped, out)
    gate, opened = os.pipe()
    os.set_inheritable(gate, True)
    processes = begin(setup, gate, data, out, until)
    began = time.perf_counter()
    os.write(opened, b"o" * len(processes))
    ended = []
    for index, process in enumerate(processes):
        ended.append(process.end(SECONDS))
        if index == 0:
            until.touch()
    os.close(gate)
    os.close(opened)
    wrong = wrong_of(setup, ended)
    if differs := differing(state_of(out), expected):
        wrong.append(f"differs: {differs}")
    wrong += wrong_of_lines(out)
    shutil.rmtree(out)
    told = [told["value"] for told in ended if told["outcome"] == "fine"]
    return setup | {
        "wrote": sum(bool(value["holds"]) for value in told)
        + sum(told["outcome"] == "killed" for told in ended),
        "told": sum(len(value["told"]) for value in told),
        "read": sum(value.get("times", 0) for value in told),
        "seconds": time.perf_counter() - began,
        "messages": Counter(re.sub(r"\d+", "N", words)[-120:] for value in told for words in value["told"]),
        "wrong": wrong,
    }


def wrong_of(setup, ended):
    """Return what is wrong with how the processes ended."""
    wrong = []
    for index, told in enumerate(ended):
        is_killed = (
            setup["kind"] == "killed" and index == 0 and told["outcome"] == "killed" and told["code"] == -9
        )
        if told["outcome"] != "fine" and not is_killed:
            wrong.append(f"{told['outcome']}: {told['message']}")
    values = [told["value"] for told in ended if told["outcome"] == "fine"]
    holds = sorted((begin, end, value["pid"]) for value in values for begin, end in value["holds"])
    if any(end is None for _, end, _ in holds):
        wrong.append("a writer did not end")
    elif any(before[1] > after[0] for before, after in itertools.pairwise(holds)):
        wrong.append(f"two held the folder at once: {holds}")
    if not holds:
        wrong.append("nobody wrote")
    pids = {
        value["pid"] for value in values if value["role"] not in ("report", "predict", "evaluate", "summary")
    }
    pids |= {told["pid"] for told in ended if told["outcome"] == "killed"}
    for words in (words for value in values for words in value["told"]):
        found = [match for pattern in TOLD if (match := re.search(pattern, words))]
        if not found or (found[0].groups() and int(found[0][1]) not in pids):
            wrong.append(f"told: {words}")
    return wrong


def wrong_of_lines(out):
    from tellapart.runs.event_log import read_log

    lines, damaged = read_log(out / "log.jsonl")
    epochs = [line["epoch"] for line in lines if line["event"] == "EpochDone"]
    measured = [line.split(",")[0] for line in (out / "metrics.csv").read_text().splitlines()[1:]]
    litter = [place.name for place in out.glob(".*") if not place.name.startswith(".lock")]
    wrong = [f"{damaged} damaged lines"] if damaged else []
    wrong += [f"litter: {litter}"] if litter else []
    wrong += [f"epochs {measured} in metrics.csv"] if measured != [str(n + 1) for n in range(EPOCHS)] else []
    return wrong + ([f"epochs {epochs} in log.jsonl"] if sorted(set(epochs)) != list(range(EPOCHS)) else [])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--setups", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    import_everything()
    setups = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        data = picture_folder(folder / "pictures")
        expected = forked(alone, data, folder / "alone")["value"]
        assert forked(stop_early, data, folder / "stopped")["outcome"] == "fine"
        for number in range(options.first, options.first + options.setups):
            setups.append(run_setup(setup_of(number), data, folder / "stopped", expected, folder))
            print(json.dumps(setups[-1]), file=sys.stderr, flush=True)
    report(options, machine, setups)
    sys.exit(any(setup["wrong"] for setup in setups))


def report(options, machine, setups):
    now = datetime.datetime.now(datetime.UTC)
    record = {
        "setups": setups,
        "hardware": machine,
        "versions": versions(),
        "command": f"python benchmarks/faults/two_processes.py --setups {options.setups} --first {options.first}",
    }
    rows = [
        {
            "kind": kind,
            "processes": size,
            "set-ups": len(of_kind),
            "wrote": ", ".join(str(setup["wrote"]) for setup in of_kind),
            "times told": ", ".join(str(setup["told"]) for setup in of_kind),
            "times read": ", ".join(str(setup["read"]) for setup in of_kind),
            "faults": sum(bool(setup["wrong"]) for setup in of_kind),
        }
        for kind in KINDS
        for size in SIZES
        if (of_kind := [setup for setup in setups if (setup["kind"], setup["processes"]) == (kind, size)])
    ]
    lines = [
        f"# Processes on one run folder, {now:%Y-%m-%d}",
        "",
        f"{len(setups)} set-ups. Processes that wrote, one after the other; how often one was told that the folder is "
        "taken; how often it was read meanwhile. No two held the folder at once, and each final state is that of a "
        f"training that was alone, except for the faults: {sum(bool(setup['wrong']) for setup in setups)}.",
        "",
        table(rows, list(rows[0])),
        "",
        *[
            f"- Set-up {setup['number']}: {'; '.join(setup['wrong'])[:500]}"
            for setup in setups
            if setup["wrong"]
        ],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "two_processes", now, "\n".join(lines), record)


if __name__ == "__main__":
    main()
