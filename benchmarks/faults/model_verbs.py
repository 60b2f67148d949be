"""What each command does with a model file from a stranger, in a process of its own with a limit on time and memory.

    python benchmarks/faults/model_verbs.py PHOTOS FILE... [--verbs load predict ...]

Prints a line of JSON for each file and verb: how it ended, its message, seconds of the processor and of the clock,
megabytes at most, and what it did outside: started programs, connections, files written. PHOTOS has <class>/<picture>.
"""

import argparse
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

SECONDS, MEGABYTES = 60, 1024
"""After so many seconds of the clock a process is ended; it may address so many megabytes more than at its start."""

OUTSIDE = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "pty.spawn")
"""Python's audit events of what no model file may cause."""


def load(path, _):
    import tellapart

    return tellapart.load(path).class_names


def predict(path, pictures):
    import tellapart

    return [answer.probabilities for answer in tellapart.predict(path, pictures[:2]).predictions]


def evaluate(path, pictures):
    import tellapart

    return tellapart.evaluate(path, pictures[0].parents[1]).scores.accuracy


def explain(path, pictures):
    import tellapart

    return len(tellapart.explain(path, pictures[0], quick=True).to_html())


def explain_fully(path, pictures):
    import tellapart

    return len(tellapart.explain(path, pictures[0]).to_html())


def summary(path, _):
    import tellapart

    return tellapart.summary(path).to_dict()["parameters"]


def backbone(path, _):
    from tellapart.classifier.backbone_choice import choose_backbone

    return str(choose_backbone(str(path), (32, 32)).open(32, 32).features.output_shape)


def backbone_weights(path, _):
    from tellapart.classifier.backbone_choice import choose_backbone

    return str(choose_backbone(f"MobileNetV2={path}").open(32, 32).features.output_shape)


VERBS = {verb.__name__: verb for verb in (load, predict, evaluate, explain, summary, backbone)}
MORE_VERBS = VERBS | {"explain_fully": explain_fully, "backbone_weights": backbone_weights}


def import_everything():
    """Import what the verbs need before they are forked, without starting a thread."""
    import h5py  # noqa: F401
    import torch

    import tellapart.api.evaluate
    import tellapart.api.explain
    import tellapart.api.predict
    import tellapart.api.summary
    import tellapart.explanations.explainer  # noqa: F401
    from tellapart.keras_backend import import_keras

    torch.set_num_threads(1)
    import_keras()


def isolated(verb, path, pictures, seconds=SECONDS, megabytes=MEGABYTES):
    """Run a verb on a file in a forked process; return how it ended.

    Returns:
        A dict: outcome ("fine", "refused", "traceback", "killed", "too slow"), kind, message, seconds, waited,
        megabytes, outside.
    """
    reader, writer = os.pipe()
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(writer, verb, path, pictures, megabytes)
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
    spent = {"seconds": round(computed, 2), "waited": round(took, 2), "megabytes": usage.ru_maxrss // 1024}
    return told | {"verb": verb} | spent


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


def _child(writer, verb, path, pictures, megabytes):
    """Run the verb, write how it ended to the pipe, and end the process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    outside = []
    place = tempfile.gettempdir()
    sys.addaudithook(lambda event, arguments: _note(outside, place, event, arguments))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    allowed = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    told = _outcome(verb, Path(path), pictures)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    content = json.dumps(told | {"outside": outside}).encode("utf-8", "replace")
    while content:
        content = content[os.write(writer, content) :]
    os._exit(0)


def _outcome(verb, path, pictures):
    from tellapart.errors import TellapartError

    try:
        result = MORE_VERBS[verb](path, pictures)
        return {"outcome": "fine", "kind": "", "message": repr(result)[:500]}
    except TellapartError as reason:
        return {"outcome": "refused", "kind": type(reason).__name__, "message": str(reason)[:2000]}
    except BaseException as reason:
        last = traceback.extract_tb(reason.__traceback__)[-1]
        of_ours = [f for f in traceback.extract_tb(reason.__traceback__) if "/tellapart/" in f.filename]
        ours = of_ours[-1] if of_ours else last
        kind = (
            f"{type(reason).__name__} in {Path(ours.filename).name}:{ours.name} ({Path(last.filename).name})"
        )
        return {"outcome": "traceback", "kind": kind, "message": traceback.format_exc()[-3000:]}


def _note(outside, place, event, arguments):
    if event in OUTSIDE:
        outside.append(event)
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        name = str(arguments[0])
        if not name.startswith((place, "/dev/null")):
            outside.append(f"wrote {name}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--verbs", nargs="+", default=list(VERBS), choices=MORE_VERBS)
    options = parser.parse_args()
    import_everything()
    pictures = sorted(options.photos.rglob("*.png"))
    for file in options.files:
        for verb in options.verbs:
            print(json.dumps({"file": file.name} | isolated(verb, file, pictures)), flush=True)


if __name__ == "__main__":
    main()
