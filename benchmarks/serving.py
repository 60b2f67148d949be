"""`tellapart serve` measured: how much it answers, what abuse does to it, and what is lost at its end.

    python benchmarks/serving.py --row knee --model imagenet [--rivals PYTHON] [--seconds 30] [--rounds 3]
    python benchmarks/serving.py --row load --model imagenet --rate 20 [--minutes 30]
    python benchmarks/serving.py --row abuse | shutdown | swap [--times 100]
    python benchmarks/serving.py --row all --short

- knee: pictures a second and the time of an answer by how many clients ask at once, beside FastAPI and LitServe
  (`serving_rivals/`) with the same model, in turn: around `tellapart.predict`, and around Keras alone.
  `--rivals` is the Python of an environment with fastapi, litserve and python-multipart, in which tellapart can be
  imported. All are sent the same forms.
- load: requests at a fixed rate, whatever the answers; each picture's answer is known. `--overload` times the rate
  for a third of the time afterwards.
- abuse: damaged and hostile requests and slow clients, while a good client asks ten times a second.
- shutdown: SIGTERM under load, so many times; a request is lost if its connection was established and no answer came.
- swap: a model's file replaced under load, so many times; each answer must be wholly one model's.

Server and clients share this machine's cores. Writes a dated page to benchmarks/results/.
"""

import argparse
import asyncio
import contextlib
import datetime
import io
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
from machine import hardware, origin_lines, table, versions, write_results
from PIL import Image
from serving_client import Connection, form

import tellapart
from tellapart.guide.lessons._photo import CAT

HERE = Path(__file__).parent
RIVALS = {
    "FastAPI, tellapart.predict": "plain_fastapi.py",
    "LitServe, tellapart.predict": "litserve_app.py",
    "FastAPI, Keras alone": "keras_fastapi.py",
}
ALONE = "FastAPI, Keras alone"
"""Answers in its own words, of pictures that Pillow fits: they are not compared."""

PORT = 8391
AT_ONCE = 50
"""Hostile requests: many wait for seconds until the server ends them."""

BURST = 256
"""Clients at once, twice the server's queue."""


def rows_of(head, rows):
    """Return a table's lines."""
    return [table([dict(zip(head, row, strict=True)) for row in rows], head)]


def photos(count, side=640):
    """Return JPEG files: parts of a photo, each of its own colors."""
    random, photo = np.random.default_rng(0), Image.open(CAT).convert("RGB").resize((2 * side, 2 * side))
    files = []
    for _ in range(count):
        left, top = random.integers(0, side, 2)
        part = np.asarray(photo.crop((left, top, left + side, top + side)), np.float32)
        colored = np.clip(part * random.uniform(0.3, 1.3, 3), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(colored).save(file, "JPEG", quality=85)
        files.append(file.getvalue())
    return files


def known_answers(model, files):
    """Return what the library says of each file, by itself."""
    classifier = tellapart.load(model)
    return [tellapart.predict(classifier, each, top=5).to_dict()["predictions"][0] for each in files]


def is_right(answer, known):
    """Return whether a server's answer is the known one: numbers to the fourth digit, names exactly."""
    (row,) = json.loads(answer.body)["predictions"]
    given, wanted = row["probabilities"], known["probabilities"]
    return given.keys() == wanted.keys() and all(abs(given[name] - wanted[name]) < 1e-4 for name in wanted)


@contextlib.contextmanager
def running(command, port):
    """Run a server until the block ends; yield its process."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True)
        try:
            asyncio.run(until_it_answers(process, port))
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def until_it_answers(process, port):
    body, kind = form(CAT.read_bytes())
    end = time.monotonic() + 120
    while (await Connection(port).post("/predict", body, kind)).status != 200:
        if time.monotonic() > end or process.poll() is not None:
            raise SystemExit("The server does not answer.")
        await asyncio.sleep(0.2)
    if process.poll() is not None:
        raise SystemExit(f"Another server answers at port {port}. Stop it.")


def ours(*arguments, port=PORT):
    """Return the command of our server."""
    return [sys.executable, "-m", "tellapart", "serve", *map(str, arguments), "--port", str(port), "--quiet"]


# knee


async def closed_loop(port, bodies, clients, seconds):
    """Let so many clients ask one request after the other; return all answers with their pictures."""
    answers, end = [], time.monotonic() + seconds

    async def client(number):
        random, connection = np.random.default_rng(number), Connection(port)
        while time.monotonic() < end:
            picture = int(random.integers(len(bodies)))
            answers.append((picture, await connection.post("/predict", *bodies[picture])))
        connection.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return answers


def knee(options):
    """Measure each server at each number of clients, in turn."""
    files = photos(16, options.side)
    known, bodies = known_answers(options.model, files), [form(each) for each in files]
    commands = {"tellapart": ours(options.model)}
    if options.rivals:
        plain = str(Path(tempfile.mkdtemp()) / "plain.keras")
        tellapart.load(options.model).save(plain)
        for name, script in RIVALS.items():
            model = plain if name == ALONE else options.model
            commands[name] = [options.rivals, str(HERE / "serving_rivals" / script), model, str(PORT)]
    runs = []
    for turn in range(options.rounds):
        for name, command in commands.items():
            with running(command, PORT):
                for clients in options.clients:
                    asyncio.run(closed_loop(PORT, bodies, clients, min(1, options.seconds)))
                    began = time.monotonic()
                    answers = asyncio.run(closed_loop(PORT, bodies, clients, options.seconds))
                    runs.append(knee_run(name, turn, clients, answers, known, time.monotonic() - began))
    rows = []
    for clients in options.clients:
        ours_here = None
        for name in commands:
            here = [run for run in runs if run["server"] == name and run["clients"] == clients]
            rate = statistics.median(run["rate"] for run in here)
            ours_here = ours_here or rate
            rows.append(
                [clients, name, f"{rate:.1f}", f"{ours_here / rate:.2f}"]
                + [f"{statistics.median(run[each] for run in here):.0f}" for each in ("p50_ms", "p99_ms")]
                + ["–" if name == ALONE else sum(run["wrong"] for run in here)]
                + [sum(run["failed"] for run in here)]
            )
    head = ["clients", "server", "pictures/s", "ours / this", "p50 ms", "p99 ms", "wrong", "no answer"]
    return [
        f"Pictures of {options.side} x {options.side}, model {options.model}.",
        "",
        *rows_of(head, rows),
    ], runs


def knee_run(name, turn, clients, answers, known, seconds):
    good = [(picture, answer) for picture, answer in answers if answer.status == 200]
    times = sorted(answer.seconds for _, answer in good) or [0.0]
    return {
        "server": name,
        "round": turn,
        "clients": clients,
        "rate": len(good) / seconds,
        "p50_ms": 1000 * times[len(times) // 2],
        "p99_ms": 1000 * times[int(len(times) * 0.99)],
        "wrong": None
        if name == ALONE
        else sum(not is_right(answer, known[picture]) for picture, answer in good),
        "failed": len(answers) - len(good),
    }


# load


async def open_loop(port, bodies, rate, seconds, process):
    """Send requests at a fixed rate; return answers, and the server's memory over time."""
    answers, memory, free, tasks = [], [], [], set()
    random, server = np.random.default_rng(0), psutil.Process(process.pid)

    async def ask(picture):
        connection = free.pop() if free else Connection(port)
        answers.append((picture, await connection.post("/predict", *bodies[picture])))
        free.append(connection)

    began = time.monotonic()
    count = int(rate * seconds)
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        task = asyncio.create_task(ask(int(random.integers(len(bodies)))))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number % max(1, int(rate)) == 0:
            memory.append(server.memory_info().rss)
    await asyncio.gather(*tasks)
    for connection in free:
        connection.close()
    return answers, memory


def load(options):
    """Measure at the rate given, then at several times it."""
    files = photos(64, options.side)
    known, bodies, rows, record = known_answers(options.model, files), [form(each) for each in files], [], []
    with running(ours(options.model), PORT) as process:
        asyncio.run(closed_loop(PORT, bodies, BURST, 10))  # so that memory has been at its peak before
        for factor, share in ((1, 1), (options.overload, 1 / 3)):
            seconds = options.minutes * 60 * share
            answers, memory = asyncio.run(open_loop(PORT, bodies, options.rate * factor, seconds, process))
            statuses = Counter(answer.status for _, answer in answers)
            refused = sorted(answer.seconds for _, answer in answers if answer.status == 503) or [0.0]
            good = sorted(answer.seconds for _, answer in answers if answer.status == 200) or [0.0]
            wrong = sum(not is_right(a, known[p]) for p, a in answers if a.status == 200)
            quarter = max(1, len(memory) // 4)
            drift = (
                statistics.median(memory[-quarter:])
                / statistics.median(memory[quarter : 2 * quarter] or memory)
                - 1
            )
            rows.append(
                [f"{options.rate * factor:g}/s", f"{seconds / 60:.1f} min", dict(statuses), wrong]
                + [f"{1000 * times[int(len(times) * 0.99)]:.0f}" for times in (good, refused)]
                + [f"{100 * drift:+.1f}%"]
            )
            record.append({"factor": factor, "statuses": dict(statuses), "wrong": wrong, "memory": memory})
    head = ["rate", "time", "statuses", "wrong", "200: p99 ms", "503: p99 ms", "memory drift"]
    return rows_of(head, rows), record


# abuse


def hostile(random, files):
    """Return a request as bytes: damaged, oversized, or about what it should not be."""
    picture = files[random.integers(len(files))]
    body, kind = form(picture)
    head = {"Host": "127.0.0.1", "Content-Type": kind}
    path = random.choice(
        ["/predict", "/models/cifar10/predict", "/explain", "/v2/models/cifar10/infer", "/models/x", "/"]
    )
    which = random.integers(10)
    if which == 0:  # a mutated form
        changed = bytearray(body)
        for _ in range(random.integers(1, 20)):
            changed[random.integers(len(changed))] = random.integers(256)
        body = bytes(changed)
    elif which == 1:
        body = body[: random.integers(len(body))]
    elif which == 2:
        body, head["Content-Type"] = bomb(int(random.integers(10_000, 60_000))), "image/png"
    elif which == 3:
        body, head["Content-Type"] = random.bytes(int(random.integers(1, 5000))), "application/json"
    elif which == 4:
        head["Host"] = random.choice(["evil.example", "", "[::", "127.0.0.1.evil.example"])
    elif which == 5:
        head["Origin"] = "https://evil.example"
    elif which == 6:
        head["Range"], head["Content-Encoding"] = "bytes=0-,5-1,-9", "gzip"
    elif which == 7:
        head["X-Long"] = "y" * int(random.integers(1000, 200_000))
    elif which == 8:
        head["Inference-Header-Content-Length"] = str(random.integers(-5, 10**9))
    else:
        path = (
            "/"
            + "".join(f"%{byte:02x}" for byte in random.bytes(20))
            + "?top="
            + "9" * int(random.integers(9000))
        )
    head["Content-Length"] = str(len(body) + int(random.choice([0, 0, 0, -1, 1])))
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"{random.choice(['POST', 'POST', 'GET', 'PUT'])} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def bomb(side):
    """Return a PNG of a few hundred bytes that says it is side x side pixels large."""

    def chunk(name, data):
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    data = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


async def good_client(port, bodies, seconds):
    """Ask ten times a second; return the times of the answers and their statuses."""
    connection, times, statuses, end = Connection(port), [], Counter(), time.monotonic() + seconds
    while time.monotonic() < end:
        answer = await connection.post("/predict", *bodies[len(times) % len(bodies)])
        times.append(answer.seconds)
        statuses[answer.status] += 1
        await asyncio.sleep(0.1)
    connection.close()
    return times, statuses


async def send_hostile(port, files, count, statuses):
    random = np.random.default_rng()
    for _ in range(count):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(hostile(random, files))
            if random.integers(4) == 0:
                writer.write_eof()  # half closed
            said = await asyncio.wait_for(reader.read(100), 5)
            statuses[int(said.split(b" ")[1]) if said.startswith(b"HTTP/1.1 ") else 0] += 1
            writer.close()
        except (OSError, TimeoutError):
            statuses[0] += 1


async def slow_client(port, ends):
    while not ends.is_set():
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n")
            while not ends.is_set() and not reader.at_eof():
                writer.write(b"x")
                await asyncio.sleep(1)
            writer.close()
        await asyncio.sleep(0.5)


async def abused(port, files, options):
    bodies, ends, statuses = [form(each) for each in files], asyncio.Event(), Counter()
    before, _ = await good_client(port, bodies, options.seconds)
    slow = [asyncio.create_task(slow_client(port, ends)) for _ in range(options.slow)]
    await asyncio.sleep(1)
    beside_slow, slow_statuses = await good_client(port, bodies, options.seconds)
    good = asyncio.create_task(good_client(port, bodies, options.seconds))
    hostile_ones = [send_hostile(port, files, options.requests // AT_ONCE, statuses) for _ in range(AT_ONCE)]
    await asyncio.gather(*hostile_ones)
    beside_all, all_statuses = await good
    ends.set()
    await asyncio.gather(*slow)
    return (
        {"quiet": before, "slow clients": beside_slow, "slow and hostile ones": beside_all},
        statuses,
        [
            slow_statuses,
            all_statuses,
        ],
    )


def abuse(options):
    """Send what no client should, beside one that behaves."""
    files = photos(8, 64)
    with running(ours("cifar10"), PORT) as process:
        times, statuses, good = asyncio.run(abused(PORT, files, options))
        alive = process.poll() is None
    rows = [
        [beside, len(values), f"{1000 * statistics.median(values):.1f}", f"{1000 * max(values):.0f}"]
        for beside, values in times.items()
    ]
    failures = sum(count for status, count in statuses.items() if status >= 500 and status != 503)
    lines = [
        f"- {sum(statuses.values()):,} hostile requests, {options.slow} slow clients; statuses {dict(statuses)} "
        "(0: closed without an answer)",
        f"- 5xx other than 503: {failures}. Server alive: {alive}. Statuses of the good client: "
        f"{[dict(each) for each in good]}",
        "",
    ]
    head = ["good client beside", "requests", "median ms", "largest ms"]
    return [*lines, *rows_of(head, rows)], {"statuses": dict(statuses), "alive": alive, "times": times}


# shutdown


def shutdown(options):
    """Stop the server under load, again and again."""
    files = photos(8, 64)
    known, bodies = known_answers("cifar10", files), [form(each) for each in files]
    totals = Counter()
    for turn in range(options.times):
        with running(ours("cifar10"), PORT) as process:
            answers = asyncio.run(stopped_under_load(process, bodies, 0.3 + 0.01 * (turn % 50)))
            totals["exit code not 0"] += process.wait(60) != 0
        for picture, answer in answers:
            totals["requests"] += 1
            totals["lost"] += answer.status == 0 and answer.accepted
            totals["not accepted"] += answer.status == 0 and not answer.accepted
            totals["other statuses"] += answer.status not in (0, 200)
            totals["wrong"] += answer.status == 200 and not is_right(answer, known[picture])
    return [f"- {options.times} SIGTERMs under load of 16 clients: {dict(totals)}"], dict(totals)


async def stopped_under_load(process, bodies, after):
    answers, ends = [], asyncio.Event()

    async def client(number):
        random = np.random.default_rng(number)
        while not ends.is_set():
            picture, connection = int(random.integers(len(bodies))), Connection(PORT)
            answers.append((picture, await connection.post("/predict", *bodies[picture])))
            connection.close()
            if not answers[-1][1].accepted:
                return

    clients = [asyncio.create_task(client(number)) for number in range(16)]
    await asyncio.sleep(after)
    process.send_signal(signal.SIGTERM)
    await asyncio.wait(clients, timeout=30)
    ends.set()
    await asyncio.gather(*clients)
    return answers


# swap


def swap(options):
    """Replace a model's file under load, again and again."""
    files = photos(8, 64)
    with tempfile.TemporaryDirectory() as folder:
        models = two_models(Path(folder))
        known = [known_answers(model, files) for model in models]
        place = Path(folder) / "served.keras"
        shutil.copyfile(models[0], place)
        bodies = [form(each) for each in files]
        with running(ours(place), PORT):
            answers, swaps = asyncio.run(swapped_under_load(models, place, bodies, options.times))
    totals = Counter(requests=len(answers), swaps=swaps)
    seen = {}
    for picture, answer in answers:
        totals["not 200"] += answer.status != 200
        if answer.status == 200:
            fits = [is_right(answer, each[picture]) for each in known]
            version = json.loads(answer.body)["version"]
            totals["wrong"] += sum(fits) != 1 or seen.setdefault(version, fits.index(True)) != fits.index(
                True
            )
    totals["versions"] = len(seen)
    return [f"- Model files replaced under load of 8 clients: {dict(totals)}"], dict(totals)


def two_models(folder):
    """Write two models of the same classes with other weights."""
    classifier = tellapart.load("cifar10")
    first, second = folder / "first.keras", folder / "second.keras"
    classifier.save(first)
    other = tellapart.load(first)
    head = next(layer for layer in reversed(other.model.layers) if layer.weights)
    head.set_weights([weights[..., ::-1] for weights in head.get_weights()])
    tellapart.Classifier.of_model(other.model, other.card).save(second)
    return [first, second]


async def swapped_under_load(models, place, bodies, times):
    answers, ends, versions = [], asyncio.Event(), []

    async def client(number):
        random, connection = np.random.default_rng(number), Connection(PORT)
        while not ends.is_set():
            picture = int(random.integers(len(bodies)))
            answers.append((picture, await connection.post("/predict", *bodies[picture])))

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    while not answers:
        await asyncio.sleep(0.1)
    for turn in range(times):
        before = json.loads(answers[-1][1].body)["version"]
        shutil.copyfile(models[(turn + 1) % 2], f"{place}.new")
        os.replace(f"{place}.new", place)
        end = time.monotonic() + 30
        while json.loads(answers[-1][1].body)["version"] == before and time.monotonic() < end:
            await asyncio.sleep(0.05)
        versions.append(json.loads(answers[-1][1].body)["version"] != before)
    ends.set()
    await asyncio.gather(*clients)
    return answers, sum(versions)


ROWS = {"knee": knee, "load": load, "abuse": abuse, "shutdown": shutdown, "swap": swap}

SHORT = {
    "seconds": 4, "rounds": 1, "clients": [1, 8, 32], "minutes": 0.4, "requests": 600, "slow": 100, "times": 5
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=[*ROWS, "all"], default="all")
    parser.add_argument("--short", action="store_true", help="a minute or so for each row")
    parser.add_argument("--model", default="imagenet")
    parser.add_argument("--rivals", metavar="PYTHON")
    parser.add_argument("--side", type=int, default=640, help="of the photos, in pixels")
    parser.add_argument("--seconds", type=float, default=30, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument(
        "--rate",
        type=float,
        default=15,
        help="of load: 70% of the knee, requests a second".replace("%", "%%"),
    )
    parser.add_argument("--overload", type=float, default=3 / 0.7)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--requests", type=int, default=10_000, help="hostile ones")
    parser.add_argument("--slow", type=int, default=500, help="slow clients")
    parser.add_argument("--times", type=int, default=100, help="SIGTERMs, or swaps")
    options = parser.parse_args()
    if options.short:
        vars(options).update(SHORT)
    now = datetime.datetime.now()
    record = {"command": " ".join(sys.argv), "hardware": hardware(), "versions": versions(), "rows": {}}
    lines = [f"# Serving, {now:%Y-%m-%d %H:%M}", ""]
    for name in ROWS if options.row == "all" else [options.row]:
        page, record["rows"][name] = ROWS[name](options)
        lines += [f"## {name}", "", *page, ""]
    write_results(HERE / "results", "serving", now, "\n".join([*lines, *origin_lines(record)]), record)


if __name__ == "__main__":
    main()
