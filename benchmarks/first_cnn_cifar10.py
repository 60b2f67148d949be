"""The tutorial's network on CIFAR-10 for 25 epochs: the curve, and the test accuracy of the last epoch.

    python benchmarks/first_cnn_cifar10.py                    # trains (minutes to an hour), then reports
    python benchmarks/first_cnn_cifar10.py --run RUN          # reports a finished run of that recipe

Writes a dated table to benchmarks/results/. Each epoch is scored on the test pictures, as the tutorial did;
nothing is chosen by that score, and the figure to quote is the last epoch's.
"""

import argparse
import csv
import datetime
import json
import tomllib
from pathlib import Path

EPOCHS = 25
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="a finished run folder instead of a new training")
    run = parser.parse_args().run or trained()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.date.today()}-first-cnn-cifar10.md"
    path.write_text(report(run), encoding="utf-8")
    print(path)


def trained() -> Path:
    import tellapart

    return tellapart.train_classifier("cifar10", recipe="first-cnn", epochs=EPOCHS).folder


def report(run: Path) -> str:
    settings = tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))
    events = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = [event for event in events if event["event"] == "Scored"][-1]
    low, high = scores["interval"]
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    last = [float(row["val_accuracy"]) for row in rows[-5:]]
    lines = [
        f"# first-cnn on CIFAR-10, {settings['run']['epochs']} epochs, one run, seed {settings['run']['seed']}",
        "",
        f"Test accuracy of the last epoch: **{scores['accuracy']:.4f}** "
        f"(95% interval {low:.4f} to {high:.4f}, n = {scores['pictures']:,}). "
        f"Mean of the last five epochs: {sum(last) / 5:.4f}; the highest epoch: "
        f"{max(float(row['val_accuracy']) for row in rows):.4f} (chosen by nothing, told for the curve's sake).",
        "",
        f"{settings['hardware']['processor']}, {settings['hardware']['cores']} cores; training computed in "
        f"{settings['data']['precision']}; "
        + ", ".join(f"{k} {v}" for k, v in settings["versions"].items())
        + ".",
        "",
        "| epoch | training loss | training accuracy | test loss | test accuracy | seconds |",
        "|---|---|---|---|---|---|",
    ]
    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    for row in rows:
        figures = " | ".join(f"{float(row[name]):.4f}" for name in columns)
        lines.append(f"| {row['epoch']} | {figures} | {float(row['seconds']):.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
