"""SIGINT, SIGTERM and SIGHUP at random moments of `tellapart train`, and the printed command that continues it.

    python benchmarks/faults/signals.py [--cases 150] [--first 0] [--dry]

Each case is a function of its number: the signal, the training (`quick` on a folder of pictures, `quick` on a known set
that is downloaded from a local server, `transfer` with fine-tuning), the phase (download, load, step, validation,
scoring, save, report; features and head of a transfer), and the moment in it. A third are real starts of the command
with a moment between the start of the interpreter and the first step, most of them within imports; the others are forks
of a process that has imported all, which say, through a pipe, which phase begins. Those save after every step.

Shown: it ends within ten seconds, with exit code 130, 143 or 129 (or by the signal itself, which a shell shows as the
same), without a traceback; its last line names the command that continues it, or says that nothing had begun; that
command, or else the same one again, comes to its end, and to the very state of a training without a signal. About 10
minutes of one core.

Anything else is a fault, and the exit code 1. Writes a dated page to benchmarks/results/, unless --dry.
"""

import argparse
import dataclasses
import datetime
import gzip
import hashlib
import http.server
import itertools
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results
from small_runs import before, differing, import_everything, picture_folder, save_at_every_step, state_of

RESULTS = Path(__file__).parents[1] / "results"
SECONDS_TO_END = 10
SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
KINDS = {
    "folder": ["--recipe", "quick", "--size", "16", "--epochs", "3", "--batch-size", "12"],
    "known": ["--recipe", "quick", "--epochs", "2", "--batch-size", "12"],
    "transfer": ["--recipe", "transfer", "--size", "32", "--fine-tune", "on"],
}
PHASES = {
    "download": [("tellapart.data.sources.known", "download")],
    "load": [("tellapart.api.prepare", "load_split")],
    "features": [("tellapart.api.transfer_run", "_views")],
    "head": [("tellapart.api.transfer_run", "_choose")],
    "step": [("tellapart.training.loop", "_learn_one_batch")],
    "validation": [("tellapart.training.loop", "_last_learning_rate")],
    "save": [("tellapart.runs.checkpointer", "save_checkpoint"), ("tellapart.classifier.classifier", "save_keras")],
    "scoring": [("tellapart.api.training_run", "_calibrate"), ("tellapart.api.training_run", "score_test"),
                ("tellapart.api.transfer_run", "score_test")],
    "report": [("tellapart.api.train", "report_of_run")],
}  # fmt: skip
"""Phase -> functions with whose call it begins; it lasts until the next one."""

NOTHING_BEGUN = ("Interrupted.", "Stopped before the training began.", "Run the command again.")
BYTES_PER_SECOND, CHUNK = 100_000, 2_000


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


class SlowHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files slowly, from any byte on."""

    def do_GET(self):
        content = (Path(self.directory) / self.path.strip("/")).read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        for begin in range(start, len(content), CHUNK):
            self.wfile.write(content[begin : begin + CHUNK])
            time.sleep(CHUNK / BYTES_PER_SECOND)

    def log_message(self, *_):
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # clients that are ended leave


def serve(folder):
    """Serve a folder in a process of its own; return its id and the port."""
    server = QuietServer(("127.0.0.1", 0), lambda *given: SlowHandler(*given, directory=str(folder)))
    if (pid := os.fork()) == 0:
        server.serve_forever()
    server.socket.close()
    return pid, server.server_port


def host_small_mnist(folder, port):
    """Let MNIST be a small set on a local server; `port` None only writes its files."""
    from tellapart.data.sources.catalog import KNOWN_SETS

    files, sizes = [], {"train": 80, "t10k": 30}
    for file in KNOWN_SETS["mnist"].files:
        name = file.place.split("/")[1]
        labels = (np.arange(sizes[name.split("-")[0]]) % 10).astype(np.uint8)
        noise = np.random.default_rng(0).integers(0, 60, (len(labels), 28, 28))
        array = labels if "labels" in name else (noise + 15 * labels[:, None, None]).astype(np.uint8)
        content = gzip.compress(idx(array), mtime=0)
        if port is None:
            (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        url = f"http://127.0.0.1:{port}/{name}"
        files.append(dataclasses.replace(file, urls=(url,), sha256=digest, size=len(content)))
    small = dataclasses.replace(KNOWN_SETS["mnist"], files=tuple(files), train_size=80, test_size=30)
    if port is not None:
        KNOWN_SETS["mnist"] = small


class Command:
    """`tellapart` with these words, in a fork of this process or, `afresh`, started anew."""

    def __init__(self, words, cache, afresh=False):
        self.log, name = tempfile.mkstemp()
        os.unlink(name)
        reader, writer = os.pipe()
        self.began = time.monotonic()
        if afresh:
            given = {"env": dict(os.environ) | {"XDG_CACHE_HOME": str(cache)}, "preexec_fn": heed_signals}
            command = [sys.executable, "-m", "tellapart", *map(str, words)]
            self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, **given)
            self.pid = self.process.pid
        elif (pid := os.fork()) == 0:
            os.close(reader)
            _be_command(list(map(str, words)), cache, writer, self.log)
        else:
            self.pid = pid
        os.close(writer)
        self.reader = os.fdopen(reader)

    def moments(self):
        """Yield the phases as they begin, each with its time; until the command ends."""
        for line in self.reader:
            yield line.strip(), time.monotonic()

    def end(self, seconds=120):
        """Wait; return the exit code, negative for a signal, or None where it had to be killed, and what it printed."""
        until = time.monotonic() + seconds
        while not (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                break
            time.sleep(0.002)
        self.reader.close()
        text = os.pread(self.log, 1 << 20, 0).decode("utf-8", "replace")
        os.close(self.log)
        return (os.waitstatus_to_exitcode(ended[1]) if ended[0] else None), text


def heed_signals():
    """As at a terminal: whoever starts this in the background may have them ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _be_command(words, cache, writer, log):
    import importlib

    from tellapart.__main__ import run

    heed_signals()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["XDG_CACHE_HOME"] = str(cache)
    save_at_every_step()
    for phase, places in PHASES.items():
        for module, name in places:
            before(
                importlib.import_module(module),
                name,
                lambda phase=phase: os.write(writer, f"{phase}\n".encode()),
            )
    sys.argv = ["tellapart", *words]
    code = 99
    try:
        code = run()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


class Place:
    """What the cases share: pictures, a server, the durations of phases, and the states of undisturbed trainings."""

    def __init__(self, folder):
        self.folder = folder
        self.pictures = picture_folder(folder / "pictures")
        served = folder / "served"
        served.mkdir()
        host_small_mnist(served, None)
        self.server, port = serve(served)
        host_small_mnist(served, port)
        self.expected, self.durations, self.imports = {}, {}, 0.0

    def words(self, kind, out):
        data = "mnist" if kind == "known" else self.pictures
        return ["train", data, *KINDS[kind], "--precision", "float32", "--seed", "3", "--out", out]

    def measure(self):
        """Train once undisturbed by each kind, and start the command afresh once."""
        for kind in KINDS:
            out = self.folder / f"whole-{kind}"
            command = Command(self.words(kind, out), self.folder / f"cache-{kind}")
            moments = [*command.moments(), ("end", time.monotonic())]
            code, text = command.end()
            assert code == 0, text
            self.expected[kind] = state_of(out)
            for (phase, at), (_, until) in itertools.pairwise(moments):
                self.durations.setdefault((kind, phase), []).append(until - at)
        out = self.folder / "whole-afresh"
        command = Command(self.words("folder", out), self.folder / "cache-folder", afresh=True)
        while not (out / "run.toml").exists():
            time.sleep(0.01)
        self.imports = time.monotonic() - command.began
        code, text = command.end()
        assert code == 0, text
        assert not differing(state_of(out), self.expected["folder"])


def case_of(number, durations):
    rng = random.Random(number)
    case = {"number": number, "signal": list(SIGNALS)[number % 3], "share": rng.random()}
    if number // 3 % 3 == 0:
        return case | {"kind": "folder", "phase": "start"}
    phase = list(PHASES)[number // 9 % len(PHASES)]
    kinds = {"download": ["known"], "features": ["transfer"], "head": ["transfer"]}
    kind = rng.choice(kinds.get(phase, [*["folder"] * 4, "known", "known", "transfer"]))
    return case | {"kind": kind, "phase": phase, "occurrence": rng.randrange(len(durations[kind, phase]))}


def run_case(case, place):
    """Send the signal, then do what the command says; return the case with what happened and what is wrong."""
    out, cache = place.folder / f"run-{case['number']}", place.folder / f"cache-{case['kind']}"
    if case["phase"] == "download":
        cache = place.folder / f"cache-{case['number']}"
    words, number = place.words(case["kind"], out), SIGNALS[case["signal"]]
    command = Command(words, cache, afresh=case["phase"] == "start")
    if case["phase"] == "start":
        time.sleep(case["share"] * place.imports)
    else:
        wanted = case["occurrence"]
        for phase, _ in command.moments():
            wanted -= phase == case["phase"]
            if wanted < 0:
                break
        time.sleep(case["share"] * place.durations[case["kind"], case["phase"]][case["occurrence"]])
    had_ended = os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    os.kill(command.pid, number)
    sent = time.monotonic()
    code, text = command.end()
    took = time.monotonic() - sent
    told = case | {"code": code, "seconds": round(took, 3), "said": text[-600:]}
    wrong = []
    if had_ended:
        told["then"] = "had ended"
        wrong += [] if code == 0 else [f"exit code {code}"]
    else:
        told["then"], again = what_continues(text, words)
        wrong += [] if code in (128 + number, -number) else [f"exit code {code}"]
        wrong += ["traceback"] if re.search("Traceback|Exception ignored", text) else []
        wrong += ["too slow"] if took > SECONDS_TO_END else []
        wrong += [] if told["then"] else ["no line that says how to go on"]
        code, said = Command(again, cache).end()
        wrong += [] if code == 0 else [f"then {code}: {said[-600:]}"]
    if not wrong and (differs := differing(state_of(out), place.expected[case["kind"]])):
        wrong.append(f"differs: {differs}")
    shutil.rmtree(out, ignore_errors=True)
    return told | {"wrong": wrong}


def what_continues(text, words):
    """Return what the command says, and the words of the next one."""
    named = re.findall(r"^ *tellapart (train --resume .+)$", text, re.MULTILINE)
    if named:
        return "resumed", shlex.split(named[-1])
    return "began again" if text.rstrip().endswith(NOTHING_BEGUN) else "", words


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=150)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    os.environ.pop("TELLAPART_DATA", None)
    import_everything()
    cases = []
    folder = Path(
        tempfile.mkdtemp()
    ).resolve()  # no TemporaryDirectory: the forks would remove it as they end
    place = Place(folder)
    try:
        place.measure()
        for number in range(options.first, options.first + options.cases):
            cases.append(run_case(case_of(number, place.durations), place))
            if cases[-1]["wrong"]:
                print(json.dumps(cases[-1]), file=sys.stderr, flush=True)
    finally:
        os.kill(place.server, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
    report(options, machine, cases)
    sys.exit(any(case["wrong"] for case in cases))


def report(options, machine, cases):
    now = datetime.datetime.now(datetime.UTC)
    record = {
        "cases": cases,
        "hardware": machine,
        "versions": versions(),
        "command": f"python benchmarks/faults/signals.py --cases {options.cases} --first {options.first}",
    }
    codes = Counter((case["phase"], case["signal"]) for case in cases)
    ends = Counter((case["phase"], case["then"]) for case in cases)
    rows = [
        {"phase": phase}
        | {name: codes[phase, name] for name in SIGNALS}
        | {then: ends[phase, then] for then in ("began again", "resumed", "had ended")}
        | {"longest, s": max(case["seconds"] for case in cases if case["phase"] == phase)}
        | {"faults": sum(bool(case["wrong"]) for case in cases if case["phase"] == phase)}
        for phase in dict.fromkeys(case["phase"] for case in cases)
    ]
    kinds = Counter(case["kind"] for case in cases)
    exits = Counter(case["code"] for case in cases)
    lines = [
        f"# Signals while training, {now:%Y-%m-%d}",
        "",
        f"{len(cases)} trainings ({', '.join(f'{count} x {kind}' for kind, count in sorted(kinds.items()))}), a signal "
        f"each. Exit codes: {', '.join(f'{count} x {code}' for code, count in sorted(exits.items()))} (a negative one: "
        "ended by the signal itself). Phase `start`: a new process, from its first moment to the run folder. "
        f"The slowest ended {max(case['seconds'] for case in cases):.1f} s after its signal. "
        f"Faults: {sum(bool(case['wrong']) for case in cases)}.",
        "",
        table(rows, list(rows[0])),
        "",
        *[f"- Case {case['number']}: {'; '.join(case['wrong'])[:300]}" for case in cases if case["wrong"]],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "signals", now, "\n".join(lines), record)


if __name__ == "__main__":
    main()
