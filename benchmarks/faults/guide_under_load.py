"""The guide among bad clients: how soon a good one is answered, and what memory the server takes.

    python benchmarks/faults/guide_under_load.py [--slow 1000] [--floods 100] [--seconds 30]

`tellapart learn` in a process of its own, with the limits that it has by default, beside

- slow clients: a third sends half a head, a third half a picture, a third asks for a library sixty times and reads
  nothing; each connects again a second after it was dropped,
- floods: each sends a picture after the other, half of them photos of 12 megapixels, half of them bodies one byte
  larger than the largest accepted file.

A good client asks for a page ten times a second. Recorded are its waits, the server's memory (resident) before,
during and after, and whether its log holds a traceback. Writes a dated page to benchmarks/results/.
"""

import argparse
import asyncio
import datetime
import http.client
import io
import itertools
import multiprocessing
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import hardware, origin_lines, table, versions, write_results

from tellapart.guide.lessons._photo import CAT
from tellapart.guide.limits import LIMITS

RESULTS = Path(__file__).parents[1] / "results"
HEAD = b"HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SLOW = {
    "half a head": b"GET / " + HEAD,
    "half a picture": b"POST /answer " + HEAD + b"Content-Length: 1000000\r\n\r\n" + bytes(1000),
    "reads nothing": (b"GET /vendor/d3.min.js " + HEAD + b"\r\n") * 60,
}


class Guide:
    """`tellapart learn` in a process of its own."""

    def __enter__(self):
        self.log = tempfile.TemporaryFile("w+")
        command = [sys.executable, "-m", "tellapart", "learn", "--port", "0", "--no-browser"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = int(re.search(r":(\d+)/", self.process.stdout.readline())[1])
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def megabytes(self):
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def files(self):
        return psutil.Process(self.process.pid).num_fds()

    def said(self):
        self.log.seek(0)
        return self.log.read()


def ask(port, method, path, body=None):
    """Return the status of a response, once it is there whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


async def slow_client(port, sent, counts, kind):
    """Send what is never enough; connect again whenever the server has closed."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            writer.write(sent)
            counts[kind] += 1
            if kind == "reads nothing":
                reader._transport.pause_reading()
                while not writer.transport.is_closing():
                    await asyncio.sleep(1)
                    writer.write(b" ")
            else:
                while await reader.read(1):
                    pass
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(1)


def slow_clients(port, number, counts, stop):
    """Keep a number of slow clients busy until `stop` is set."""

    async def all_of_them():
        kinds = itertools.islice(itertools.cycle(SLOW.items()), number)
        tasks = [asyncio.create_task(slow_client(port, sent, counts, kind)) for kind, sent in kinds]
        while not stop.is_set():
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()

    asyncio.run(all_of_them())


def flood(port, picture, replies, stop):
    """Send a picture after the other until `stop` is set."""
    while not stop.is_set():
        try:
            replies[str(ask(port, "POST", "/answer", picture))] += 1
        except (OSError, http.client.HTTPException) as reason:
            replies[type(reason).__name__] += 1


def waits_of_a_good_client(guide, seconds):
    """Ask for a page ten times a second; return how long each took, how many failed, and the most memory and files."""
    waits, megabytes, files, failures = [], [], [], 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        try:
            assert ask(guide.port, "GET", "/convolution.html") == 200
            waits.append(time.perf_counter() - began)
        except OSError:
            failures += 1
        megabytes.append(guide.megabytes())
        files.append(guide.files())
        time.sleep(max(0.0, began + 0.1 - time.perf_counter()))
    return waits, failures, max(megabytes), max(files)


def photo():
    from PIL import Image

    file = io.BytesIO()
    Image.open(CAT).resize((4000, 3000)).save(file, "JPEG")
    return file.getvalue()


def attack(port, slow, floods, begun, stop, told):
    """Be all bad clients, until `stop` is set; tell what became of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    counts, replies = Counter(), Counter()
    pictures = itertools.cycle([photo(), bytes(LIMITS.picture_bytes + 1)])
    threads = [threading.Thread(target=slow_clients, args=(port, slow, counts, stop))]
    threads += [
        threading.Thread(target=flood, args=(port, next(pictures), replies, stop)) for _ in range(floods)
    ]
    for thread in threads:
        thread.start()
    while counts.total() < slow:
        time.sleep(0.1)
    begun.set()
    for thread in threads:
        thread.join()
    told.put((dict(counts), dict(replies)))


def measured(guide, slow, floods, seconds):
    """Measure beside one mixture of bad clients, which are a process of their own: they must not slow the good one."""
    own = multiprocessing.get_context("spawn")
    begun, stop, told = own.Event(), own.Event(), own.Queue()
    before = guide.megabytes()
    bad = own.Process(target=attack, args=(guide.port, slow, floods, begun, stop, told))
    bad.start()
    begun.wait()
    waits, failures, during, files = waits_of_a_good_client(guide, seconds)
    stop.set()
    counts, replies = told.get()
    bad.join()
    time.sleep(LIMITS.head_seconds + 1)
    row = {
        "slow clients": slow,
        "floods": floods,
        "requests": len(waits),
        "waits": waits,
        "failures": failures,
        "files": files,
    }
    memory = {"before": before, "during": during, "after": guide.megabytes()}
    return {**row, "megabytes": memory, "connections": counts, "replies": replies}


def measure_all(slow, floods, seconds):
    rows = []
    with Guide() as guide:
        while (
            ask(guide.port, "GET", "/convolution.html") != 200
            or ask(guide.port, "POST", "/answer", photo()) != 200
        ):
            time.sleep(0.1)
        for mixture in ((0, 0), (slow, 0), (0, floods), (slow, floods)):
            rows.append(measured(guide, *mixture, seconds))
            print(mixture, in_words(rows[-1]), file=sys.stderr, flush=True)
        answered = ask(guide.port, "POST", "/answer", photo())
    return {"rows": rows, "answers afterwards": answered, "tracebacks": guide.said().count("Traceback")}


def in_words(row):
    waits, memory = [1e3 * wait for wait in row["waits"]], row["megabytes"]
    return {
        "slow clients": str(row["slow clients"]),
        "floods": str(row["floods"]),
        "good requests": str(row["requests"]),
        "failed": str(row["failures"]),
        "median wait, ms": f"{statistics.median(waits):.0f}",
        "longest wait, ms": f"{max(waits):.0f}",
        "memory before, during, after, MB": ", ".join(f"{value:.0f}" for value in memory.values()),
        "open files at most": str(row["files"]),
        "replies to floods": ", ".join(
            f"{count} x {status}" for status, count in sorted(row["replies"].items())
        )
        or "-",
    }


def page_of(record):
    rows = [in_words(row) for row in record["found"]["rows"]]
    lines = [
        f"# The guide under load, {record['date']}",
        "",
        "A good client asks for a page ten times a second beside slow clients and floods of pictures.",
        "",
        table(rows, list(rows[0])),
        "",
        f"- Tracebacks in the server's log: {record['found']['tracebacks']}",
        f"- A picture afterwards: status {record['found']['answers afterwards']}",
        f"- Limits: {record['limits']}",
        "",
    ]
    return "\n".join([*lines, *origin_lines(record)])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--floods", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    now = datetime.datetime.now().astimezone()
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": f"python benchmarks/faults/guide_under_load.py --slow {options.slow} --floods {options.floods} "
        f"--seconds {options.seconds:g}",
        "limits": str(LIMITS),
        "found": measure_all(options.slow, options.floods, options.seconds),
        "hardware": hardware(),
        "versions": versions(),
    }
    write_results(RESULTS, "guide_under_load", now, page_of(record), record)


if __name__ == "__main__":
    main()
