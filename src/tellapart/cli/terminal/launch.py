"""`--processes N`: what `torchrun` does, on this machine, with this command; and what each process makes of its end.

A process that fails for good (a wrong setting, a full disk) would be started again by torchrun. So it leaves its exit
code in a file and ends well; only one that was killed, or has lost the others, ends badly.
"""

import logging
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tellapart.cli.terminal.console import note, report_error
from tellapart.errors import ConfigError, TeamError, TellapartError
from tellapart.text import counted

EXIT_CODE = "TELLAPART_EXIT_CODE_FILE"
"""The environment variable that names the file."""

FAILED = "-failed"
"""Ending of its name where a process failed for good: none is to be started again."""

MOST_RESTARTS = 100
"""How often all processes are started again when one of them ends; each time the run goes on where it was saved."""

SECONDS_TO_SAVE = 300
"""How long processes that are asked to stop have for the step at hand and a checkpoint."""

OPTION = "--processes"


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run this command in several processes that train together; return the exit code.

    Args:
        processes: at least 2.
        arguments: of the command, `--processes` among them.

    Raises:
        ConfigError: more processes than GPUs.
    """
    import torch

    gpus, cores = torch.cuda.device_count(), os.cpu_count() or 1
    if 0 < gpus < processes:
        raise ConfigError(f"{OPTION} is 1 to {gpus}, the GPUs of this machine; got {processes}.")
    if not gpus and processes > cores:
        note(
            f"{processes} processes on {counted(cores, 'core')}: they take turns, and {cores} would be faster."
        )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // processes)))
    folder = Path(tempfile.mkdtemp(prefix="tellapart-"))
    os.environ[EXIT_CODE] = str(folder / "exit-code")
    try:
        return _run(processes, without_processes(arguments), folder / "exit-code")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(processes: int, arguments: Sequence[str], exit_code: Path) -> int:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch").setLevel(logging.CRITICAL)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=MOST_RESTARTS,
        shutdown_timeout=SECONDS_TO_SAVE,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "tellapart", *arguments)
    except ChildFailedError:
        note(f"A process ended {MOST_RESTARTS} times; it is not started again. Continue with --resume.")
        return 1
    except SignalException as stop:
        return _left_in(exit_code, 128 + int(stop.sigval))
    except KeyboardInterrupt:
        return _left_in(exit_code, 128 + signal.SIGINT)
    return _left_in(exit_code, 0)


def _left_in(file: Path, otherwise: int) -> int:
    for place in (Path(f"{file}{FAILED}"), file):
        with suppress(OSError, ValueError):
            return int(place.read_text())
    return otherwise


def without_processes(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without `--processes` and its number."""
    left, rest = [], iter(arguments)
    for argument in rest:
        if argument == OPTION:
            next(rest, None)
        elif not argument.startswith(f"{OPTION}="):
            left.append(argument)
    return left


def ending_for_good(command: Callable[[], int], *, as_json: bool) -> int:
    """Run a command that `launch` has started; leave its exit code for `launch`, unless it is to be started again."""
    given = os.environ.get(EXIT_CODE)
    if given is None:
        return command()
    file, failed = Path(given), Path(f"{given}{FAILED}")
    if failed.exists():
        return 0
    try:
        code = command()
    except TeamError as error:
        if failed.exists():
            return 0
        if os.environ.get("RANK") == "0":
            note(str(error))
        return 1
    except TellapartError as error:
        failed.write_text(str(report_error(error, as_json)))
        return 0
    except Exception:
        failed.write_text("1")
        raise
    if os.environ.get("RANK") == "0":
        file.write_text(str(code))
    return 0
