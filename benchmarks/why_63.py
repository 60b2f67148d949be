"""Why 63%? The tutorial's recipe for 200 epochs: as meant, with pixels divided by 255 twice, and otherwise.

    python benchmarks/why_63.py train RUNS as-meant --seed 0     # hours on two cores; stopped anywhere, it goes on
    python benchmarks/why_63.py train RUNS divided-twice --seed 0
    python benchmarks/why_63.py cool RUNS/as-meant-0             # its last weights, a tenth of the rate, three epochs
    python benchmarks/why_63.py cool RUNS/as-meant-0 --share 1   # the same with the whole rate, to compare with
    python benchmarks/why_63.py report RUNS                      # of all runs in the folder

The settings are those of `first-cnn`, but each epoch is scored on 5,000 pictures held out of the training pictures
(stratified, by the run's seed) instead of on the test pictures, so that the best epoch can be chosen honestly; 45,000
are learned from. CASES says what differs. Arithmetic is what `first-cnn` chooses for the machine.

`report` scores the weights of the best epoch and of the last one on the test split, and writes a dated page and the
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
"""Epochs of the page's tables; all stand in the JSON."""

CONTINUED = {0.1: "cooled.json", 1.0: "continued.json"}
"""Where epochs after the last are kept, by their share of its rate."""

ASKED = 5_000
"""Training pictures that are asked whether a unit ever answers them."""


@dataclasses.dataclass(frozen=True)
class AttributionTask:
    """One way to run the tutorial."""

    told: str
    divided: int = 1
    """How often pixels are divided by 255. Running a notebook cell `x_train /= 255` twice divides by 65,025."""

    optimizer: dict = dataclasses.field(default_factory=dict)
    """What differs of the optimizer's settings."""


CASES = {
    "as-meant": AttributionTask("as the tutorial meant it"),
    "divided-twice": AttributionTask("pixels divided by 255 twice", divided=2),
    "early-2017": AttributionTask(
        "Keras's example from December 2016 to April 2017",
        optimizer={"learning_rate": 1e-3, "decay": 0.0, "epsilon": 1e-16},
    ),
    "mid-2017": AttributionTask("Keras's example in July 2017", optimizer={"epsilon": 1e-16}),
    "keras-3": AttributionTask("epsilon as in Keras 3", optimizer={"epsilon": 1e-7}),
}
"""`epsilon` is what stands under the root: 1e-14 acts like the 1e-7 beside it of 2018, 1e-16 like the 1e-8 of 2017;
Keras 3 has 1e-7 under it.

Source: the history of keras-team/keras, examples/cifar10_cnn.py (7c4f033 of 2016-12-12: RMSprop with its default
rate of 0.001; 98ec9fc of 2017-04-07: 0.0001 and a decay of 1e-6) and keras/optimizers.py.
"""


def divide_so_often(times):
    """Let `first-cnn` divide its pixels by 255 so often."""
    from tellapart.recipes import build

    real = build.first_cnn

    def divided(image_shape, classes):
        model = real(image_shape, classes)
        model.layers[0].scale = 1 / 255**times
        return model

    build.first_cnn = divided


def train(out, case, seed, epochs):
    import tellapart
    from tellapart.api.listener import Listener
    from tellapart.recipes.recipes import first_cnn

    class Printer(Listener):
        def event(self, event):
            if hasattr(event, "val_accuracy"):
                told = f"{event.epoch + 1} {event.loss:.4f} {event.val_accuracy:.4f} {event.seconds:.1f} s"
                print(out.name, told, flush=True)

    divide_so_often(case.divided)
    if out.exists():
        return tellapart.train(resume=out, listener=Printer())
    run = first_cnn().changed(validation="held out", validation_share=HELD_OUT, keep="best", epochs=epochs)
    run = run.changed(optimizer=dataclasses.replace(run.optimizer, **case.optimizer), seed=seed)
    return tellapart.train("cifar10", recipe=run, out=out, listener=Printer())


def cool(run, epochs, share):
    """Train the last weights of a run on, at a share of its rate: whether the length of the steps is what spoils them.

    RMSprop begins anew, with averages of 0, whatever the share: at 1 that alone differs from going on.
    Writes each epoch's loss in training and its score on the held-out pictures to a file in the run's folder.
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
    source = apply_split(open_dataset("cifar10"), read_split_csv(folder.split))
    batches = BatchSampler(n=data["pictures"]["train"], batch_size=settings.batch_size, seed=settings.seed)
    model, done, rate = begun_anew(folder, settings, batches.steps_per_epoch, share)
    card = card_of_plain_model(model, run)
    train, held_out = (
        load_split(source.splits[name], card.preprocessing) for name in ("train", "validation")
    )
    net = lower(model, data["precision"])
    step, feed = (
        build_step(settings, net, 1),
        DataLoader(train, 10, batches, settings.augmentation, net.device),
    )
    rows = []
    for epoch in range(done, done + epochs):
        losses = [float(step(*feed.batch(epoch, at)).loss) for at in range(batches.steps_per_epoch)]
        answers = tellapart.Classifier.of_model(model, card).probabilities(held_out.images)
        scores = dict(
            zip(("val_loss", "val_accuracy"), loss_and_accuracy(answers, held_out.labels), strict=True)
        )
        rows.append({"epoch": epoch + 1, "rate": rate, "loss": sum(losses) / len(losses), **scores})
        print(rows[-1], flush=True)
    (run / CONTINUED[share]).write_text(json.dumps(rows))


def begun_anew(folder, settings, steps_per_epoch, share):
    """A model with a run's last weights and a new RMSprop, how many epochs these took, and its rate."""
    from tellapart.recipes.build import build_model
    from tellapart.runs.checkpoint import load_checkpoint

    last = build_model(settings, (32, 32, 3), 10, steps_per_epoch)
    state, _ = load_checkpoint(folder.checkpoint, last)
    rate = float(last.optimizer.learning_rate) * share
    optimizer = dataclasses.replace(settings.optimizer, learning_rate=rate, decay=0.0)
    model = build_model(settings.changed(optimizer=optimizer), (32, 32, 3), 10, steps_per_epoch)
    model.set_weights(last.get_weights())
    return model, state.epoch, rate


def curve_of(run):
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def scored(run, case):
    """Of the best epoch's weights and of the last one's: test accuracy with its interval, and units that are silent."""
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
    found = {}
    for which, prefix in (("best", "best/"), ("last", "weights/")):
        weights = [tensors[name] for name in sorted(tensors) if name.startswith(prefix)]
        model.set_weights(weights)
        answers = tellapart.Classifier.of_model(model, card).probabilities(test.images)
        told = score(answers, test.labels, card.class_names, "test")
        found[which] = {
            "accuracy": told.accuracy,
            "interval": list(told.interval),
            "n": told.pictures,
            "silent": silent(model, train.images[:ASKED]),
            "weight": sizes(weights),
        }
    return found | on_the_way(run, model, train.images[:ASKED])


def on_the_way(run, model, images):
    """Of the weights that a training keeps on its way, by epoch: what is silent, and their mean sizes."""
    from tellapart.runs.checkpoint import load_weights

    found = {"silent by epoch": {}, "weights by epoch": {}}
    for place in sorted((run / "checkpoints").glob("epoch-*.safetensors")):
        epoch, weights = load_weights(place)
        model.set_weights(weights)
        found["silent by epoch"][epoch] = silent(model, images)
        found["weights by epoch"][epoch] = sizes(weights)
    return found


def sizes(weights):
    """The mean size of each kernel's weights."""
    return [float(abs(one).mean()) for one in weights if one.ndim > 1]


def silent(model, images):
    """For each ReLU, the share of its channels that are zero for every one of these pictures."""
    import keras
    import numpy as np

    outputs = [
        layer.output for layer in model.layers if getattr(layer, "activation", None) is keras.activations.relu
    ]
    found = keras.Model(model.inputs, outputs).predict(images, batch_size=500, verbose=0)
    return [float(np.mean(one.reshape(-1, one.shape[-1]).max(0) == 0)) for one in found]


def told(run):
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
            "run": CASES[one["case"]].told,
            "seed": one["seed"],
            "best epoch": one["best epoch"],
            **{f"test accuracy, {which}": told_in_words(one["test"][which]) for which in ("best", "last")},
            "silent at the end": ", ".join(f"{share:.0%}" for share in one["test"]["last"]["silent"]),
        }
        for one in runs
    ]
    lines = [f"# first-cnn for {EPOCHS} epochs, {record['date']}", "", table(scores, list(scores[0])), ""]
    for title, column in {
        "Accuracy on the 5,000 held-out pictures": "val_accuracy",
        "Loss on the held-out pictures": "val_loss",
        "Loss in training": "loss",
    }.items():
        rows = [
            {
                "epoch": epoch,
                **{f"{one['case']} {one['seed']}": at(one["curve"], epoch, column) for one in runs},
            }
            for epoch in SHOWN
            if any(len(one["curve"]) >= epoch for one in runs)
        ]
        lines += [f"{title}, by epoch:", "", table(rows, list(rows[0])), ""]
    trained_on = {str(one["trained on"]): one["trained on"] for one in runs}
    lines += [f"- Trained on: {flat(one)}" for one in trained_on.values()]
    return "\n".join([*lines, f"- Command: `{record['command']}`", ""])


def at(curve, epoch, column):
    return f"{curve[epoch - 1][column]:.4f}" if epoch <= len(curve) else "-"


def flat(facts):
    return ", ".join(f"{name} {value}" for part in facts.values() for name, value in part.items())


def told_in_words(test):
    low, high = test["interval"]
    return f"{test['accuracy']:.4f} ({low:.4f} to {high:.4f}, n = {test['n']:,})"


def report(runs, results):
    now = datetime.datetime.now().astimezone()
    order = {name: place for place, name in enumerate(CASES)}
    found = [told(place.parent) for place in runs.glob("*/run.toml")]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/why_63.py report RUNS",
        "runs": sorted(found, key=lambda one: (order[one["case"]], one["seed"])),
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
