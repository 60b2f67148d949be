"""A call in a process of its own, with a limit on time and memory, that notes what it does outside its folder."""

import json
import os
import resource
import select
import signal
import site
import sys
import tempfile
import time
import traceback
from pathlib import Path

SECONDS, MEGABYTES = 60, 4096
"""After so many seconds of the clock a process is ended; it may address so many megabytes more than at its start.
Addresses that are never written to are no memory: what a process took is measured at its end."""

LONGEST_SECONDS, MOST_MEGABYTES = 10, 1024
"""A process that computes for longer, or takes more, is a fault."""

RUNS = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "os.fork", "os.forkpty", "os.kill",
    "subprocess.Popen", "pty.spawn", "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo",
    "pickle.find_class", "urllib.Request", "webbrowser.open",
)  # fmt: skip
"""Python's audit events of what no file may cause."""

CHANGES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile", "shutil.unpack_archive", "tempfile.mkstemp",
)  # fmt: skip
"""Audit events of what is changed on the disk; their first arguments are paths."""

OURS = Path(__file__).parents[2]
READ_BY_ANYBODY = (
    sys.prefix, sys.base_prefix, *site.getsitepackages(), *map(str, (OURS / "src", OURS / "benchmarks")),
    str(Path.home() / ".cache" / "tellapart" / "precision.json"),
    "/proc", "/sys", "/usr", "/dev/null", "/etc/localtime", "/etc/mime.types", "/etc/ld.so.cache",
)  # fmt: skip
"""Where Python, its packages and the system keep what they read whatever they are given."""


def isolated(call, folder, *readable, seconds=SECONDS, megabytes=MEGABYTES):
    """Run a call in a forked process; return how it ended.

    Args:
        call: takes nothing; what it returns is told in short.
        folder: the only one in which it may write.
        readable: folders in which it may read.
        seconds: of the clock.
        megabytes: that it may address beyond those at its start.

    Returns:
        A dict: outcome ("fine", "refused", "traceback", "killed", "too slow"), kind, message, seconds, waited,
        megabytes, outside.
    """
    reader, writer = os.pipe()
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(writer, call, folder, readable, megabytes)
    os.close(writer)
    answer = _read(reader, begun + seconds)
    if answer is None:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    took = time.perf_counter() - begun
    if answer is None:
        told = {"outcome": "too slow", "kind": "", "message": "", "outside": []}
    elif not answer:
        told = {"outcome": "killed", "kind": f"signal {status & 127}", "message": "", "outside": []}
    else:
        told = json.loads(answer)
    computed = usage.ru_utime + usage.ru_stime  # other programs on the machine do not count
    return told | {
        "seconds": round(computed, 2),
        "waited": round(took, 2),
        "megabytes": usage.ru_maxrss // 1024,
    }


def is_fault(told):
    """Return whether a process did anything else than to answer or to refuse, soon and in little memory."""
    slow = told["seconds"] > LONGEST_SECONDS or told["megabytes"] > MOST_MEGABYTES
    return told["outcome"] not in ("fine", "refused") or slow or bool(told["outside"])


def _read(reader, until):
    """Return all that a pipe brings before it is closed; None where that takes too long."""
    content = b""
    while (left := until - time.perf_counter()) > 0:
        if not select.select([reader], [], [], left)[0]:
            break
        part = os.read(reader, 1 << 16)
        if not part:
            os.close(reader)
            return content
        content += part
    os.close(reader)
    return None


def _child(writer, call, folder, readable, megabytes):
    """Make the call, write how it ended to the pipe, and end the process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    tempfile.tempdir = str(folder)
    os.environ |= {"KERAS_HOME": f"{folder}/.keras", "MPLCONFIGDIR": f"{folder}/.matplotlib"}
    os.chdir(folder)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    allowed = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    outside = []
    writable = (os.path.abspath(folder), os.devnull)
    readable = (*writable, *map(os.path.abspath, readable), *READ_BY_ANYBODY)
    sys.addaudithook(lambda event, arguments: _note(outside, writable, readable, event, arguments))
    told = _outcome(call)
    content = json.dumps(told | {"outside": outside}).encode("utf-8", "replace")
    while content:
        content = content[os.write(writer, content) :]
    os._exit(0)


def _outcome(call):
    from tellapart.errors import TellapartError

    try:
        return {"outcome": "fine", "kind": "", "message": repr(call())[:500]}
    except TellapartError as reason:
        return {"outcome": "refused", "kind": type(reason).__name__, "message": str(reason)[:2000]}
    except BaseException as reason:
        frames = traceback.extract_tb(reason.__traceback__)
        ours = next((frame for frame in reversed(frames) if "/tellapart/" in frame.filename), frames[-1])
        kind = f"{type(reason).__name__} in {Path(ours.filename).name}:{ours.name} ({Path(frames[-1].filename).name})"
        return {"outcome": "traceback", "kind": kind, "message": traceback.format_exc()[-3000:]}


def _note(outside, writable, readable, event, arguments):
    if event in RUNS:
        outside.append(event)
    elif event in CHANGES:
        if not _is_within(arguments[0], writable):
            outside.append(f"{event} {_text(arguments[0])}")
    elif event == "open":
        path, mode, flags = arguments
        writes = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR))
        if not _is_within(path, writable if writes else readable):
            outside.append(f"{'wrote' if writes else 'read'} {_text(path)}")


def _is_within(path, places):
    """Return whether a path, as it is named, lies in one of the places: links that a user made are followed."""
    if isinstance(path, int):
        return True
    name = os.path.abspath(_text(path))
    return any(name == place or name.startswith(f"{place}/") for place in places)


def _text(path):
    return path if isinstance(path, str) else os.fsdecode(path) if path is not None else ""
