"""Stores for trials: four processes on one store, as tuning uses it, without any training between.

    python benchmarks/tune_stores.py [--processes 4] [--trials 100]

For each store: trials that wait are taken by whichever process asks first (twice taken: two processes got the same
one), each reports five scores and five attributes and is told its outcome. Says the seconds, errors, and duplicates:

- sqlite: as Optuna opens it, which waits five seconds for another process's writing
- sqlite, 60 s: waits a minute
- sqlite, 60 s, locked: the same, and trials are taken under a file lock: what `tune` does
- sqlite, WAL: waits a minute, with a write-ahead log
- journal: Optuna's JournalStorage on a file

The file of a journal is then cut within its last line, as a process that is killed while it writes leaves it, and the
SQLite file's last transaction is rolled back by a kill in its middle: does the store still open?
"""

import argparse
import contextlib
import datetime
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
STORES = ("sqlite", "sqlite, 60 s", "sqlite, 60 s, locked", "sqlite, WAL", "journal")
REPORTS = 5


def storage_of(kind, place):
    import optuna

    if kind == "journal":
        backend = optuna.storages.journal.JournalFileBackend(str(place / "journal.log"))
        return optuna.storages.JournalStorage(backend)
    waits = {} if kind == "sqlite" else {"connect_args": {"timeout": 60}}
    storage = optuna.storages.RDBStorage(f"sqlite:///{place / 'study.db'}", engine_kwargs=waits)
    if kind == "sqlite, WAL":
        with storage.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    return storage


def lock_of(kind, place):
    from filelock import FileLock

    return FileLock(place / ".lock") if kind.endswith("locked") else contextlib.nullcontext()


def work(kind, place, count):
    """Take waiting trials until none is left; print what was taken, and errors."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name="study", storage=storage_of(kind, place))
    taken, errors = [], []
    while len(taken) < count:
        try:
            with lock_of(kind, place):
                waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
                if not waiting:
                    break
                trial = study.ask()
            taken.append(trial.number)
            for step in range(REPORTS):
                trial.report(trial.suggest_float("x", 0, 1) + step, step)
                trial.set_user_attr(f"attribute{step}", step)
            study.tell(trial.number, float(trial.number))
        except Exception as reason:
            errors.append(f"{type(reason).__name__}: {str(reason)[:80]}")
    print(json.dumps({"taken": taken, "errors": errors}))


def measured(kind, processes, trials):
    import optuna

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        study = optuna.create_study(study_name="study", storage=storage_of(kind, place))
        for number in range(trials):
            study.enqueue_trial({"x": number / trials})
        command = [sys.executable, __file__, "--work", kind, "--place", folder, "--trials", str(trials)]
        began = time.monotonic()
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        said = [json.loads(process.communicate()[0]) for process in running]
        seconds = time.monotonic() - began
        taken = [number for each in said for number in each["taken"]]
        errors = [error for each in said for error in each["errors"]]
        return {
            "store": kind,
            "seconds": seconds,
            "trials taken": len(taken),
            "taken twice": len(taken) - len(set(taken)),
            "errors": len(errors),
            "first error": errors[0] if errors else "–",
            "opens after a cut": opens_after_cut(kind, place),
        }


def opens_after_cut(kind, place):
    """Return whether a store can be read and written after its last writing was cut short."""
    import optuna

    if kind == "journal":
        log = place / "journal.log"
        with log.open("ab") as file:
            file.write(b'{"op_code":4,"worker_id":"a","study_id":0,"tri')
    else:
        script = (
            "import sqlite3, os, signal; c = sqlite3.connect('study.db', isolation_level=None); "
            "c.execute('BEGIN IMMEDIATE'); c.execute(\"UPDATE trials SET state='FAIL'\"); "
            "c.execute('PRAGMA cache_spill=1'); os.kill(os.getpid(), signal.SIGKILL)"
        )
        subprocess.run([sys.executable, "-c", script], cwd=place, check=False)
    try:
        study = optuna.load_study(study_name="study", storage=storage_of(kind, place))
        before = len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
        study.tell(study.ask().number, 0.0)
        again = optuna.load_study(study_name="study", storage=storage_of(kind, place))
        after = len(again.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
        return "yes" if after == before + 1 else f"no: {before}, then {after} complete trials"
    except Exception as reason:
        return f"no: {type(reason).__name__}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.place, given.trials)
        return
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    now, machine = datetime.datetime.now(), hardware()
    rows = [measured(kind, given.processes, given.trials) for kind in STORES]
    record = {
        "rows": rows, "hardware": machine, "versions": {**versions(), "optuna": optuna.__version__},
        "command": f"python benchmarks/tune_stores.py --processes {given.processes} --trials {given.trials}",
    }  # fmt: skip
    page = "\n".join(
        [
            f"# Stores for trials, {now:%Y-%m-%d %H:%M}",
            "",
            f"{given.processes} processes take {given.trials} waiting trials; each trial makes "
            f"{2 * REPORTS + 3} writings. Seconds include starting Python and Optuna.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )
    write_results(RESULTS, "tune_stores", now, page, record)


if __name__ == "__main__":
    main()
