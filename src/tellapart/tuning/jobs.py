"""Jobs: several processes at work on one tuning, started and watched by this one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError, TellapartError
from tellapart.tuning.base import address_of, base_again
from tellapart.tuning.folder import TuningFolder
from tellapart.tuning.listener import TuningListener
from tellapart.tuning.tuning import Tuning, opened_tuning
from tellapart.tuning.work import Limits, Watcher, work

SECONDS_BETWEEN_LOOKS = 0.5
MOST_RESTARTS = 3
"""Of processes that ended before their time, such as for lack of memory."""

_START = "import sys; from tellapart.tuning.jobs import main; sys.exit(main(sys.argv[1]))"


def work_together(
    tuning: Tuning,
    jobs: int,
    limits: Limits,
    address: str | None,
    listener: TuningListener,
    should_stop: Callable[[], bool],
) -> None:
    """Do what `work` does, in several processes; each gets its share of the cores.

    Args:
        tuning: opened.
        jobs: number of processes.
        limits: of all of it.
        address: of the store, with its password.
        listener: hears of the trials.
        should_stop: asked twice a second; True: the processes let go of their trials and end.

    Raises:
        ConfigError: the data are in memory, where other processes cannot read them.
        TellapartError: a process ended with an error, which it says.
    """
    if "argument" not in tuning.folder.read()["data"]:
        raise ConfigError(
            "Data in memory cannot be read by other processes. Give the path of a file, or jobs=1."
        )
    told = {"folder": str(tuning.folder.path), "trials": limits.trials, "deadline": limits.deadline}
    told |= {"address": address, "parent": os.getpid()}
    watcher, restarts = Watcher(tuning, limits, listener, jobs), 0
    logs = [tuning.folder.workers / f"{number}.log" for number in range(jobs)]
    processes: list[Any] = []
    try:
        processes = [_started(told, log, jobs) for log in logs]
        while any(process.poll() is None for process in processes):
            watcher.look()
            if should_stop():
                _signal_all(processes)
            for at, process in enumerate(processes):
                if process.poll() not in (None, 0) and not should_stop():
                    restarts += 1
                    _raise_its_error(logs[at], process.returncode, restarts)
                    processes[at] = _started(told, logs[at], jobs)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        for log, process in zip(logs, processes, strict=True):
            _raise_its_error(log, process.returncode, 1)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()
    watcher.look()


def _started(told: dict[str, Any], log: Path, jobs: int) -> "subprocess.Popen[bytes]":
    """Start a process that works on a tuning; it does not hear the terminal's Ctrl-C, which is passed on to it."""
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(told)],
            env={"OMP_NUM_THREADS": threads, **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def _signal_all(processes: list[Any]) -> None:
    for process in processes:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)


def _raise_its_error(log: Path, code: int, restarts: int) -> None:
    """Raise what a process said when it ended; one that was killed says nothing, and is started again a few times.

    Raises:
        TellapartError: it said something, or processes are killed again and again.
    """
    if code == 0:
        return
    lines = log.read_text(errors="replace").strip().splitlines()
    words = lines[-1] if lines else ""
    if code < 0 and restarts <= MOST_RESTARTS:
        return
    raise TellapartError(
        f"A process of the tuning ended with code {code}{f': {words}' if words else ''}. {log} has all that it said. "
        "Run the command again to go on, with fewer --jobs if memory was short."
    )


def main(told: str) -> int:
    """Work on a tuning as one of several processes.

    Args:
        told: JSON of what `work_together` tells it.

    Returns:
        The exit code.
    """
    given = json.loads(told)
    stops: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stops.append(received))

    def should_stop() -> bool:
        return bool(stops) or os.getppid() != given["parent"]

    folder = TuningFolder(Path(given["folder"]))
    try:
        base = base_again(folder, None, None, None)
        tuning = opened_tuning(folder, base, address_of(folder, given["address"]))
        work(tuning, Limits(given["trials"], given["deadline"]), TuningListener(), should_stop)
    except TellapartError as reason:
        print(reason, file=sys.stderr)
        return reason.exit_code
    return 0
