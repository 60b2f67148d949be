"""What is wrong with the files of a run folder, as far as a look at them tells without reading tensors.

Rot inside a model or a checkpoint is found when it is opened: each file has a digest of its own.
"""

import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tellapart.paths import MODEL_IN_RUN
from tellapart.runs.event_log import LOG
from tellapart.runs.metrics_file import METRICS_CSV, epochs_measured
from tellapart.runs.sealed_settings import digest_of_file
from tellapart.text import counted
from tellapart.untrusted.regular_file import open_regular

LARGEST_HEADER = 100_000_000
"""Bytes of the description at the beginning of a safetensors file; the format allows no more."""


def problems_of(
    folder: Path, settings: Mapping[str, Any], log: tuple[Mapping[str, Any], ...], damaged_lines: int
) -> Iterator[str]:
    """Yield what is wrong, each a clause that begins with the file's name.

    Args:
        folder: of a run that is not being trained.
        settings: its run.toml.
        log: its events.
        damaged_lines: of log.jsonl.
    """
    is_finished = any(line["event"] == "Scored" for line in log)
    yield from _of_split(folder, settings)
    yield from _of_log(folder, log, damaged_lines)
    for name in ("last.safetensors", "predictions.safetensors"):
        yield from _of_tensors(folder / name)
    yield from _of_model(folder / MODEL_IN_RUN, is_finished)


def _of_split(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    try:
        digest = digest_of_file(folder / "split.csv")
    except FileNotFoundError:
        yield "split.csv is missing: the run cannot be resumed or evaluated"
        return
    except OSError as reason:
        yield f"split.csv cannot be read ({reason.strerror or reason})"
        return
    if settings["data"].get("split_sha256") not in (None, digest):
        yield "split.csv is not as it was written"


def _of_log(folder: Path, log: tuple[Mapping[str, Any], ...], damaged_lines: int) -> Iterator[str]:
    events = {line["event"] for line in log}
    logged = {
        line["epoch"] + 1
        for line in log
        if line["event"] == "EpochDone" and isinstance(line.get("epoch"), int)
    }
    measured = epochs_measured(folder / METRICS_CSV)
    if damaged_lines:
        yield f"{LOG} has {counted(damaged_lines, 'damaged line')}"
    elif "Scored" not in events and (folder / "report.html").exists():
        yield f"{LOG} lacks the scores, which the report has"
    elif measured - logged:
        yield f"{LOG} lacks {counted(len(measured - logged), 'epoch')} of {METRICS_CSV}"
    if "Scored" in events and logged - measured:
        yield f"{METRICS_CSV} lacks {counted(len(logged - measured), 'epoch')} of {LOG}"


def _of_tensors(path: Path) -> Iterator[str]:
    """Yield what is wrong with a safetensors file's description and length; nothing where there is no such file."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            length = struct.unpack("<Q", file.read(8))[0]
            if length > min(LARGEST_HEADER, size):
                raise ValueError("its first bytes make no sense")
            described = json.loads(file.read(length))
        ends = [value["data_offsets"][1] for name, value in described.items() if name != "__metadata__"]
        if size != 8 + length + max(ends, default=0):
            raise ValueError(f"{size:,} bytes; {8 + length + max(ends, default=0):,} were written")
    except FileNotFoundError:
        return
    except OSError as reason:
        yield f"{path.name} cannot be read ({reason.strerror or reason})"
    except (
        ValueError,
        struct.error,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as reason:
        words = str(reason) if type(reason) is ValueError else "its beginning makes no sense"
        yield f"{path.name} is damaged ({words})"


def _of_model(path: Path, is_finished: bool) -> Iterator[str]:
    try:
        with open_regular(path) as file, zipfile.ZipFile(file):
            pass
    except FileNotFoundError:
        if is_finished:
            yield f"{path.name} is missing"
    except OSError as reason:
        yield f"{path.name} cannot be read ({reason.strerror or reason})"
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        yield f"{path.name} is damaged (it has no end, or no beginning)"
