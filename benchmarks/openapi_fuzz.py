"""`tellapart serve` under schemathesis: requests made from the OpenAPI document, and the answers held against it.

    python benchmarks/openapi_fuzz.py --schemathesis PROGRAM [--seconds 150] [--model digits]

PROGRAM is the `schemathesis` of an environment of its own (pip install schemathesis). It is told to look for answers
with a status, a type or a form that the document does not name, for server errors, and for methods that are answered
though they are not named. Writes a dated page to benchmarks/results/.
"""

import argparse
import datetime
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "unsupported_method", "ignored_auth",
)  # fmt: skip


@contextmanager
def served(model, folder):
    """Serve a model that keeps corrections; yield its port and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.jsonl"
    command = [sys.executable, "-m", "tellapart", "serve", model, "--port", str(port)]
    with log.open("w") as file:
        process = subprocess.Popen([*command, "--corrections", folder / "kept"], stderr=file)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz/ready", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield port, log
        if process.poll() is not None:
            raise SystemExit(f"The server ended with exit code {process.returncode}.")
    finally:
        process.terminate()
        process.wait(60)


def main(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schemathesis", required=True, metavar="PROGRAM")
    parser.add_argument("--seconds", type=int, default=150)
    parser.add_argument("--model", default="digits")
    options = parser.parse_args(arguments)
    now, machine = datetime.datetime.now().astimezone(), hardware()
    with tempfile.TemporaryDirectory() as folder, served(options.model, Path(folder)) as (port, log):
        run = [options.schemathesis, "run", f"http://127.0.0.1:{port}/openapi.json", "--continue-on-failure"]
        run += ["--max-time", str(options.seconds), "--max-examples", "400", "--checks", ",".join(CHECKS)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    print(done.stdout)
    version = re.search(r"Schemathesis v(\S+)", done.stdout)
    statuses = Counter(event["status"] for event in events if event["event"] == "request")
    cases = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    if cases is None or version is None:
        raise SystemExit(f"schemathesis did not finish: {done.stderr[-500:]}")
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": " ".join(["python", "benchmarks/openapi_fuzz.py", *arguments]),
        "hardware": machine,
        "versions": {**versions(), "schemathesis": version[1]},
        "cases": int(cases[1]),
        "passed": int(cases[2]),
        "checks": CHECKS,
        "statuses": dict(sorted(statuses.items())),
    }
    rows = [{"status": status, "answers": count} for status, count in sorted(statuses.items())]
    page = [
        f"# `serve {options.model}` under schemathesis, {record['date']}",
        "",
        f"{record['cases']:,} requests made from its OpenAPI document; {record['passed']:,} were answered as the "
        f"document says ({', '.join(CHECKS)}). The server never ended.",
        "",
        table(rows, ("status", "answers")),
        "",
        *origin_lines(record),
    ]
    write_results(RESULTS, "openapi_fuzz", now, "\n".join(page), record)
    return 0 if cases[1] == cases[2] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
