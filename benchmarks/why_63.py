"""Why 63%? The tutorial's recipe for 200 epochs: as intended, with pixels divided by 255 twice, and other variants.

    python benchmarks/why_63.py train RUNS as-meant --seed 0     # hours on two cores; run again to resume
    python benchmarks/why_63.py train RUNS divided-twice --seed 0
    python benchmarks/why_63.py cool RUNS/as-meant-0             # last weights, a tenth of the learning rate, 3 epochs
    python benchmarks/why_63.py cool RUNS/as-meant-0 --share 1   # the same at the full rate, for comparison
    python benchmarks/why_63.py report RUNS                      # of all runs in the folder

The settings are those of `first-cnn`, but each epoch is scored on 5,000 images held out of the training images
(stratified, by the run's seed) instead of on the test images, so that the best epoch can be chosen without bias; 45,000
images are trained on. CASES lists the differences. Precision is what `first-cnn` chooses for the machine.

`report` scores the weights of the best and of the last epoch on the test split, and writes a dated page and the
curves to benchmarks/results/.
"""

import argparse
import csv
import dataclasses
import datetime
import json
import tomllib
from pathlib import Path

from machine import table, write_results

RESULTS = Path(__file__).parent / "results"
EPOCHS, HELD_OUT = 200, 0.1
SHOWN = (1, 2, 5, 8, 10, 15, 25, 50, 80, 100, 125, 150, 175, 200)
"""Epochs in the tables of the page; the JSON has all."""

CONTINUED = {0.1: "cooled.json", 1.0: "continued.json"}
"""Files of the epochs after the last, by their share of its learning rate."""

SAMPLED = 5_000
"""Training images on which units are tested for ever being active."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """A way to run the tutorial."""

    title: str
    divided: int = 1
    """How often pixels are divided by 255. Running a notebook cell `x_train /= 255` twice divides by 65,025."""

    optimizer: dict = dataclasses.field(default_factory=dict)
    """Optimizer settings that differ."""


CASES = {
    "as-meant": Variant("as the tutorial intended"),
    "divided-twice": Variant("pixels divided by 255 twice", divided=2),
    "early-2017": Variant(
        "Keras's example from December 2016 to April 2017",
        optimizer={"learning_rate": 1e-3, "decay": 0.0, "epsilon": 1e-16},
    ),
    "mid-2017": Variant("Keras's example in July 2017", optimizer={"epsilon": 1e-16}),
    "keras-3": Variant("epsilon as in Keras 3", optimizer={"epsilon": 1e-7}),
}
"""`epsilon` is added under the root: 1e-14 acts like the 1e-7 added to the root in 2018, 1e-16 like the 1e-8 of 2017;
Keras 3 adds 1e-7 under it.

Source: the history of keras-team/keras, examples/cifar10_cnn.py (7c4f033 of 2016-12-12: RMSprop with its default
rate of 0.001; 98ec9fc of 2017-04-07: 0.0001 and a decay of 1e-6) and keras/optimizers.py.
"""


def divide_pixels(times):
    """Make `first-cnn` divide its pixels by 255 this many times."""
    from tellapart.models.networks import NETWORKS

    network = NETWORKS["first-cnn"]

    def build(*arguments):
        model = network.build(*arguments)
        model.layers[0].scale = 1 / 255**times
        return model

    NETWORKS["first-cnn"] = dataclasses.replace(network, build=build)


def train(out, case, seed, epochs):
    import tellapart
    from tellapart.api.listener import Listener
    from tellapart.recipes.recipes import first_cnn

    class Printer(Listener):
        def event(self, event):
            if hasattr(event, "val_accuracy"):
                line = f"{event.epoch + 1} {event.loss:.4f} {event.val_accuracy:.4f} {event.seconds:.1f} s"
                print(out.name, line, flush=True)

    divide_pixels(case.divided)
    if out.exists():
        return tellapart.train(resume=out, listener=Printer())
    config = first_cnn().changed(validation="held out", validation_share=HELD_OUT, keep="best", epochs=epochs)
    config = config.changed(optimizer=dataclasses.replace(config.optimizer, **case.optimizer), seed=seed)
    return tellapart.train("cifar10", recipe=config, out=out, listener=Printer())


def cool(run, epochs, share):
    """Train the last weights of a run further at a share of its learning rate, to see whether large steps spoil them.

    RMSprop starts afresh, with averages of 0, whatever the share: at 1, only that differs from continuing.
    Writes each epoch's training loss and held-out score to a file in the run's folder.
    """
    import tellapart
    from tellapart.classifier.card import card_of_plain_model
    from tellapart.data.open import open_dataset
    from tellapart.data.sampler import BatchSampler
    from tellapart.data.split import apply_split, read_split_csv
    from tellapart.data.store import load_split
    from tellapart.lowering import lower
    from tellapart.metrics.validation import loss_and_accuracy
    from tellapart.recipes.build import build_step
    from tellapart.runs.folder import RunFolder
    from tellapart.training.loader import DataLoader

    folder = RunFolder(run)
    settings, data = folder.read_settings()
    dataset = apply_split(open_dataset("cifar10"), read_split_csv(folder.split))
    batches = BatchSampler(n=data["pictures"]["train"], batch_size=settings.batch_size, seed=settings.seed)
    model, done, rate = restarted(folder, settings, batches.steps_per_epoch, share)
    card = card_of_plain_model(model, run)
    train, held_out = (
        load_split(dataset.splits[name], card.preprocessing) for name in ("train", "validation")
    )
    net = lower(model, data["precision"])
    step = build_step(settings, net, 1)
    loader = DataLoader(train, 10, batches, settings.augmentation, net.device)
    rows = []
    for epoch in range(done, done + epochs):
        losses = [float(step(*loader.batch(epoch, at)).loss) for at in range(batches.steps_per_epoch)]
        probabilities = tellapart.Classifier.of_model(model, card).probabilities(held_out.images)
        scores = dict(
            zip(("val_loss", "val_accuracy"), loss_and_accuracy(probabilities, held_out.labels), strict=True)
        )
        rows.append({"epoch": epoch + 1, "rate": rate, "loss": sum(losses) / len(losses), **scores})
        print(rows[-1], flush=True)
    (run / CONTINUED[share]).write_text(json.dumps(rows))


def restarted(folder, settings, steps_per_epoch, share):
    """Return a model with a run's last weights and a new RMSprop, the epochs trained so far, and the learning rate."""
    from tellapart.recipes.build import build_model
    from tellapart.runs.checkpoint import load_checkpoint

    last = build_model(settings, (32, 32, 3), 10, steps_per_epoch)
    state, *_ = load_checkpoint(folder.checkpoint, last)
    rate = float(last.optimizer.learning_rate) * share
    optimizer = dataclasses.replace(settings.optimizer, learning_rate=rate, decay=0.0)
    model = build_model(settings.changed(optimizer=optimizer), (32, 32, 3), 10, steps_per_epoch)
    model.set_weights(last.get_weights())
    return model, state.epoch, rate


def curve_of(run):
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def scored(run, case):
    """Return test accuracy with its interval, silent units and weight sizes, for the best and the last epoch."""
    from safetensors.numpy import load_file

    import tellapart
    from tellapart.classifier.card import card_of_plain_model
    from tellapart.data.open import open_dataset
    from tellapart.data.store import load_split
    from tellapart.metrics.scores import score
    from tellapart.models.first_cnn import first_cnn

    model = first_cnn((32, 32, 3), 10)
    model.layers[0].scale = 1 / 255**case.divided
    card = card_of_plain_model(model, run)
    splits = open_dataset("cifar10").splits
    train, test = (load_split(splits[name], card.preprocessing) for name in ("train", "test"))
    tensors = load_file(run / "last.safetensors")
    results = {}
    for which, prefix in (("best", "best/"), ("last", "weights/")):
        weights = [tensors[name] for name in sorted(tensors) if name.startswith(prefix)]
        model.set_weights(weights)
        probabilities = tellapart.Classifier.of_model(model, card).probabilities(test.images)
        scores = score(probabilities, test.labels, card.class_names, "test")
        results[which] = {
            "accuracy": scores.accuracy,
            "interval": list(scores.interval),
            "n": scores.pictures,
            "silent": silent(model, train.images[:SAMPLED]),
            "weight": sizes(weights),
        }
    return results | on_the_way(run, model, train.images[:SAMPLED])


def on_the_way(run, model, images):
    """Return silent units and weight sizes of the intermediate weights that a training keeps, by epoch."""
    from tellapart.runs.checkpoint import load_weights

    results = {"silent by epoch": {}, "weights by epoch": {}}
    for place in sorted((run / "checkpoints").glob("epoch-*.safetensors")):
        epoch, weights = load_weights(place)
        model.set_weights(weights)
        results["silent by epoch"][epoch] = silent(model, images)
        results["weights by epoch"][epoch] = sizes(weights)
    return results


def sizes(weights):
    """Return the mean absolute weight of each kernel."""
    return [float(abs(kernel).mean()) for kernel in weights if kernel.ndim > 1]


def silent(model, images):
    """Return, for each ReLU, the share of its channels that are zero for all of these images."""
    import keras
    import numpy as np

    outputs = [
        layer.output for layer in model.layers if getattr(layer, "activation", None) is keras.activations.relu
    ]
    activations = keras.Model(model.inputs, outputs).predict(images, batch_size=500, verbose=0)
    return [float(np.mean(maps.reshape(-1, maps.shape[-1]).max(0) == 0)) for maps in activations]


def summary_of(run):
    settings = tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))
    curve = curve_of(run)
    best = max(curve, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    case, seed = run.name.rsplit("-", 1)
    scores = scored(run, CASES[case])
    return {
        "case": case,
        "seed": int(seed),
        "curve": curve,
        "best epoch": int(best["epoch"]),
        "silent by epoch": scores.pop("silent by epoch"),
        "weights by epoch": scores.pop("weights by epoch"),
        **{
            name.removesuffix(".json"): json.loads((run / name).read_text()) if (run / name).exists() else []
            for name in CONTINUED.values()
        },
        "test": scores,
        "trained on": {name: settings[name] for name in ("hardware", "versions")},
        "precision": settings["data"]["precision"],
        "pictures": settings["data"]["pictures"],
        "run": settings["run"],
    }


def page_of(record):
    runs = record["runs"]
    scores = [
        {
            "run": CASES[run["case"]].title,
            "seed": run["seed"],
            "best epoch": run["best epoch"],
            **{f"test accuracy, {which}": in_words(run["test"][which]) for which in ("best", "last")},
            "silent at the end": ", ".join(f"{share:.0%}" for share in run["test"]["last"]["silent"]),
        }
        for run in runs
    ]
    lines = [f"# first-cnn for {EPOCHS} epochs, {record['date']}", "", table(scores, list(scores[0])), ""]
    for title, column in {
        "Accuracy on the 5,000 held-out pictures": "val_accuracy",
        "Loss on the held-out pictures": "val_loss",
        "Training loss": "loss",
    }.items():
        rows = [
            {
                "epoch": epoch,
                **{f"{run['case']} {run['seed']}": at(run["curve"], epoch, column) for run in runs},
            }
            for epoch in SHOWN
            if any(len(run["curve"]) >= epoch for run in runs)
        ]
        lines += [f"{title}, by epoch:", "", table(rows, list(rows[0])), ""]
    trained_on = {str(run["trained on"]): run["trained on"] for run in runs}
    lines += [f"- Trained on: {flat(facts)}" for facts in trained_on.values()]
    return "\n".join([*lines, f"- Command: `{record['command']}`", ""])


def at(curve, epoch, column):
    return f"{curve[epoch - 1][column]:.4f}" if epoch <= len(curve) else "-"


def flat(facts):
    return ", ".join(f"{name} {value}" for part in facts.values() for name, value in part.items())


def in_words(test):
    low, high = test["interval"]
    return f"{test['accuracy']:.4f} ({low:.4f} to {high:.4f}, n = {test['n']:,})"


def report(runs, results):
    now = datetime.datetime.now().astimezone()
    order = {name: place for place, name in enumerate(CASES)}
    summaries = [summary_of(place.parent) for place in runs.glob("*/run.toml")]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/why_63.py report RUNS",
        "runs": sorted(summaries, key=lambda row: (order[row["case"]], row["seed"])),
    }
    write_results(results, "why_63", now, page_of(record), record)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("runs", type=Path)
    training.add_argument("case", choices=CASES)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--epochs", type=int, default=EPOCHS)
    cooling = commands.add_parser("cool")
    cooling.add_argument("run", type=Path)
    cooling.add_argument("--epochs", type=int, default=3)
    cooling.add_argument("--share", type=float, choices=CONTINUED, default=0.1)
    reporting = commands.add_parser("report")
    reporting.add_argument("runs", type=Path)
    reporting.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.command == "train":
        out = options.runs / f"{options.case}-{options.seed}"
        print(out.name, train(out, CASES[options.case], options.seed, options.epochs).scores.accuracy)
    elif options.command == "cool":
        cool(options.run, options.epochs, options.share)
    else:
        report(options.runs, options.results)


if __name__ == "__main__":
    main()
