"""Training with several processes: is the result that of one, how well does it scale, what does it survive?

    python benchmarks/processes.py --row equal             # 1, 2 and 4 processes, 50 steps, the same global batch
    python benchmarks/processes.py --row scaling [--peer PYTHON] [--rounds 5]
    python benchmarks/processes.py --row kills [--times 50]
    python benchmarks/processes.py --row elastic           # 4 processes, then 2, then 3, in one run
    python benchmarks/processes.py --row network           # a link cut for 30 s, in network namespaces; needs root

- equal: the largest difference of a weight tensor between N processes and one, its norm by the tensor's; and, for
  comparison, between one process with two threads and one with one: how far rounding alone moves the weights.
- scaling: pictures a second of two processes of one thread by twice those of one, in turn; beside Accelerate with the
  same network in plain PyTorch, which `--peer` runs.
- kills: one of two processes is killed at a random moment, so many times, in as many runs as it takes; the weights at
  the end by those of an undisturbed run.

Pictures of CIFAR-10, from TELLAPART_DATA. Writes a dated page to benchmarks/results/.
"""

import argparse
import datetime
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from machine import hardware, origin_lines, table, versions, write_results

HERE = Path(__file__).parent
WORKER = str(HERE / "processes_worker.py")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone")
STEPS = 50
EQUAL = {
    "first-cnn": ("--recipe", "first-cnn", "--batch-size", "128"),
    "first-cnn in parts": ("--recipe", "first-cnn", "--batch-size", "128", "--set", "statistics_over=64"),
    "fast": ("--recipe", "fast", "--batch-size", "128", "--set", "statistics_over=64"),
    "transfer": ("--recipe", "transfer", "--fine-tune", "off", "--size", "96"),
}
CATS_AND_DOGS = os.path.join(os.environ.get("TELLAPART_DATA", ""), "cats-and-dogs")


def environment(threads=1, **more):
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "TORCH_CPP_LOG_LEVEL": "ERROR", **more}


def train(processes, threads, out, *settings):
    data = CATS_AND_DOGS if "transfer" in settings else DATA
    command = [sys.executable, "-m", "tellapart", "train", data, *settings, "--quiet", "--out", str(out)]
    command += ["--precision", "float32", *(["--processes", str(processes)] if processes > 1 else [])]
    subprocess.run(
        command, env=environment(threads), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def weights_of(run):
    import tellapart

    return [weight.numpy() for weight in tellapart.load(run).model.weights]


def difference(found, wanted):
    """Return the largest relative difference of a tensor, by norms; 0 where all bits are equal."""
    if all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True)):
        return 0.0
    return max(
        float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12))
        for a, b in zip(found, wanted, strict=True)
    )


def equal(folder, _options):
    rows = []
    for name, settings in EQUAL.items():
        short = () if name == "transfer" else ("--epochs", "1", "--set", f"pictures_per_epoch={STEPS * 128}")
        for processes, threads in ((1, 1), (2, 1), (4, 1), (1, 2)):
            train(processes, threads, folder / f"{name}-{processes}-{threads}", *settings, *short)
        one = weights_of(folder / f"{name}-1-1")
        others = {
            (p, t): difference(weights_of(folder / f"{name}-{p}-{t}"), one)
            for p, t in ((2, 1), (4, 1), (1, 2))
        }
        rows.append(
            {
                "training": name,
                "2 processes": others[2, 1],
                "4 processes": others[4, 1],
                "1, two threads": others[1, 2],
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    found = {}
    for processes in (1, 2, 4):
        out = folder / f"resnet20-{processes}.npz"
        start = [*TORCHRUN, f"--nproc-per-node={processes}"] if processes > 1 else []
        subprocess.run([sys.executable, *start, WORKER, "weights", str(out)], env=environment(), check=True)
        found[processes] = list(np.load(out).values())
    rows.append(
        {
            "training": "tellapart.fit, ResNet-20",
            "2 processes": difference(found[2], found[1]),
            "4 processes": difference(found[4], found[1]),
            "1, two threads": float("nan"),
        }
    )
    for row in rows:
        for column in list(row)[1:]:
            row[column] = "equal bits" if row[column] == 0 else f"{row[column]:.1e}"
    return rows, table(rows, list(rows[0]))


def seconds_of_a_step(python, processes, network, batch, count):
    start = [*TORCHRUN, f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [python, *start, WORKER, "steps", network, str(batch), str(count)]
    done = subprocess.run(command, env=environment(), check=False, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.split()[-1])


def scaling(_folder, options):
    contestants = [("fast", sys.executable), ("resnet20", sys.executable)]
    if options.peer:
        contestants.append(("peer", options.peer))
    seconds = {(name, n): [] for name, _ in contestants for n in (1, 2)}
    for _ in range(options.rounds):
        for name, python in contestants:
            for processes in (1, 2):
                seconds[name, processes].append(
                    seconds_of_a_step(python, processes, name, 512, options.steps)
                )
    rows = []
    for name, _ in contestants:
        one, two = (statistics.median(seconds[name, n]) for n in (1, 2))
        ratios = [a / (2 * b) for a, b in zip(seconds[name, 1], seconds[name, 2], strict=True)]
        rows.append(
            {
                "network": {"peer": "ResNet-20, Accelerate", "resnet20": "ResNet-20, tellapart.fit"}.get(
                    name, name
                ),
                "1 process, pictures/s": 512 / one,
                "2 processes, pictures/s": 512 / two,
                "per core": statistics.median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
            }
        )
    return {"rows": rows, "seconds": {f"{a} {b}": c for (a, b), c in seconds.items()}}, table(
        rows, list(rows[0])
    )


LONG = ("--recipe", "first-cnn", "--batch-size", "64", "--epochs", "4", "--set", "pictures_per_epoch=9600")


def started(out, *more):
    command = [sys.executable, "-m", "tellapart", "train", DATA, *LONG, "--quiet", "--out", str(out), *more]
    return subprocess.Popen(
        [*command, "--precision", "float32", "--processes", "2"],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def workers_of(process):
    try:
        return [child for child in psutil.Process(process.pid).children() if "tellapart" in child.cmdline()]
    except psutil.Error:
        return []


def kills(folder, options):
    began = time.monotonic()
    assert started(folder / "undisturbed").wait() == 0
    usual = time.monotonic() - began
    wanted, chance = weights_of(folder / "undisturbed"), random.Random(0)
    killed, runs, wrong = [], 0, 0
    while len(killed) < options.times:
        out = folder / f"run-{runs}"
        process, began = started(out), time.monotonic()
        for _ in range(min(5, options.times - len(killed))):
            time.sleep(chance.uniform(0.1, usual / 2))
            found = workers_of(process)
            if process.poll() is not None or not found:
                break
            victim = chance.choice(found)
            try:
                rank = victim.environ().get("RANK")
                victim.kill()
            except psutil.Error:
                continue
            killed.append((runs, rank, round(time.monotonic() - began, 1)))
        code = process.wait(1800)
        wrong += code != 0 or difference(weights_of(out), wanted) != 0
        runs += 1
        print(runs, "runs,", len(killed), "kills,", wrong, "wrong", flush=True)
        shutil.rmtree(out, ignore_errors=True)
    record = {"kills": killed, "runs": runs, "not ended or other weights": wrong}
    ranks = [rank for _, rank, _ in killed]
    page = (
        f"{len(killed)} kills in {runs} runs (first process {ranks.count('0')} times, second {ranks.count('1')}): "
        f"{runs - wrong} of {runs} runs ended with the weights of an undisturbed run, to the bit."
    )
    return record, page


def agents(folder, count, out, more=()):
    """Start `count` agents of torchrun with one process each, that take part in one run."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes=1:4", "--nproc-per-node=1", "--max-restarts=20",
        "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:29511", "--rdzv-id=elastic",
        "--rdzv-conf=last_call_timeout=3", "--module", "tellapart", "train", DATA, *LONG, "--quiet",
        "--epochs", "12", "--precision", "float32", "--out", str(out), *more,
    ]  # fmt: skip
    log = open(folder / "elastic.log", "a")  # noqa: SIM115
    return [
        subprocess.Popen(command, env=environment(), stdout=log, stderr=log, start_new_session=True)
        for _ in range(count)
    ]


def teams_in(out):
    try:
        events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    except (OSError, ValueError):
        return [], 0
    return (
        [event["processes"] for event in events if event["event"] == "Team"],
        sum(event["event"] == "EpochDone" for event in events),
    )


def until(condition, seconds=600):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.5)


def elastic(folder, _options):
    out = folder / "elastic"
    running = agents(folder, 4, out)
    until(lambda: teams_in(out)[1] >= 2)
    for agent in running[2:]:
        os.killpg(agent.pid, signal.SIGKILL)
        for child in psutil.process_iter(["ppid"]):
            if child.info["ppid"] == 1 and str(out) in " ".join(child.cmdline()):
                child.kill()
    until(lambda: teams_in(out)[0][-1] == 2)
    done = teams_in(out)[1]
    until(lambda: teams_in(out)[1] >= done + 2)
    running = [*running[:2], *agents(folder, 1, out)]
    codes = [agent.wait(1800) for agent in running]
    teams, epochs = teams_in(out)
    return (
        {"teams": teams, "epochs": epochs, "exit codes": codes},
        f"Processes, in order: {teams}; {epochs} of 12 epochs; exit codes {codes}.",
    )


SPACES = {"tellapart-a": "10.97.0.1", "tellapart-b": "10.97.0.2"}


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def network(folder, options):
    """Two agents in network namespaces of their own; the link between them is cut while they train."""
    first, second = SPACES
    for space in SPACES:
        ip("netns", "add", space)
    try:
        ip("link", "add", "tella", "netns", first, "type", "veth", "peer", "name", "tella", "netns", second)
        for space, address in SPACES.items():
            ip("-n", space, "addr", "add", f"{address}/24", "dev", "tella")
            ip("-n", space, "link", "set", "tella", "up")
            ip("-n", space, "link", "set", "lo", "up")
        return cut(folder, options)
    finally:
        for space in SPACES:
            subprocess.run(["ip", "netns", "del", space], check=False)


def cut(folder, options):
    out, endpoint = folder / "network", f"{SPACES['tellapart-a']}:29512"
    logs, running = [], []
    for space, address in SPACES.items():
        logs.append(folder / f"{space}.log")
        command = [
            "ip", "netns", "exec", space, sys.executable, "-m", "torch.distributed.run", "--nnodes=2",
            "--nproc-per-node=1", "--max-restarts=5", "--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}",
            "--rdzv-id=network",
            f"--rdzv-conf=is_host={int(address in endpoint)}", f"--local-addr={address}",
            "--module", "tellapart", "train", DATA, *LONG,
            "--epochs", "8", "--quiet", "--precision", "float32", "--out", str(out),
        ]  # fmt: skip
        running.append(
            subprocess.Popen(
                command,
                env=environment(GLOO_SOCKET_IFNAME="tella"),
                stdout=logs[-1].open("w"),
                stderr=subprocess.STDOUT,
            )
        )
    until(lambda: teams_in(out)[1] >= 2)
    ip("-n", "tellapart-a", "link", "set", "tella", "down")
    began = time.monotonic()
    time.sleep(options.seconds)
    ip("-n", "tellapart-a", "link", "set", "tella", "up")
    epochs = teams_in(out)[1]
    until(lambda: teams_in(out)[1] > epochs or any(agent.poll() is not None for agent in running))
    back = time.monotonic() - began
    codes = [agent.wait(1800) for agent in running]
    said = [
        line
        for log in logs
        for line in log.read_text().splitlines()
        if "can no longer reach" in line or "No answer" in line
    ]
    teams, epochs = teams_in(out)
    record = {
        "cut, s": options.seconds, "next epoch after, s": back, "exit codes": codes, "teams": teams,
        "epochs": epochs, "said": said,
    }  # fmt: skip
    page = (
        f"The link was cut for {options.seconds} s; {back:.0f} s after the cut the next epoch was finished. Exit codes "
        f"{codes}, {epochs} of 8 epochs, {len(teams)} starts.\n\n" + "\n".join(f"> {line}" for line in said)
    )
    return record, page


ROWS = {"equal": equal, "scaling": scaling, "kills": kills, "elastic": elastic, "network": network}
DATA = os.path.join(os.environ.get("TELLAPART_DATA", ""), "cifar-10-batches-bin")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--row", choices=ROWS, required=True)
    parser.add_argument("--peer", metavar="PYTHON", help="of an environment with accelerate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=13)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30, help="for which the link is cut")
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    with tempfile.TemporaryDirectory() as folder:
        found, said = ROWS[options.row](Path(folder), options)
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/processes.py "
        + " ".join(sys.argv[1:]).replace(str(options.peer), "PYTHON"),
        "hardware": machine,
        "versions": versions(),
        "found": found,
    }
    page = "\n".join(
        [f"# Several processes: {options.row}, {now:%Y-%m-%d %H:%M}", "", said, "", *origin_lines(record)]
    )
    write_results(HERE / "results", f"processes-{options.row}", now, page, record)


if __name__ == "__main__":
    main()
