"""Model files and run folders changed at random, through all that opens them: an answer or a plain refusal.

    python benchmarks/faults/mutated_models.py [--mutants 5000] [--minutes 30] [--first 0] [--of models runs] [--dry]

Every mutant is a function of its number: what it comes from, what is changed, and which verb opens it. Even numbers are
model files (`.keras`, with a Sequential and a Functional model and with a reference of training images, and `.h5`), of
which bits, length, entries of the archive, values of configuration and card, or HDF5's own structures are changed. Odd
numbers are run folders (a finished one, one that was stopped, one by transfer), of which files are damaged, swapped or
replaced, or values in them are changed and the digests made right again, so that they are read. Each runs in a process
of its own, with limits on time and memory (`isolation.py`). A mutant that still gives an answer is fine: not every bit
matters.

Prints how they ended; a traceback, a killed or slow process, or anything done outside is a fault, and the exit code 1.
Writes a dated page and every fault to benchmarks/results/, unless --dry. 5,000 take about twenty-five minutes.
"""

import argparse
import datetime
import gc
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from isolation import is_fault, isolated
from machine import hardware, origin_lines, table, versions, write_results
from model_mutations import mutant
from model_verbs import VERBS, import_everything
from run_mutations import mutant_of_run
from run_verbs import RUN_VERBS, import_for_runs, make_runs

RESULTS = Path(__file__).parents[1] / "results"


def make_pictures(folder):
    from PIL import Image

    for number, name in enumerate(("cat", "dog") * 8):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return sorted(folder.rglob("*.png"))


def make_goods(folder, pictures):
    make_models(folder)
    make_runs(folder / "runs", pictures)


def make_models(folder):
    """Write the good files; called in a process that ends, since nothing may run before the forks."""
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.classifier import Classifier
    from tellapart.data.preprocess import Preprocessing

    keras.utils.set_random_seed(0)
    layers = keras.layers
    row = [
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
    ]
    plain = keras.Sequential([keras.Input((8, 8, 3)), *row, layers.Dense(2, activation="softmax")])
    image = keras.Input((8, 8, 3))
    x = layers.ReLU(6)(layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(image)))
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    wired = keras.Model(image, layers.Dense(2)(x))
    card = ModelCard(("cat", "dog"), Preprocessing(height=8, width=8), {"recipe": "none"}, 2, 1.5)
    for name, model in (("plain", plain), ("wired", wired)):
        classifier = Classifier.of_model(model, card)
        features = np.random.default_rng(0).normal(size=(60, classifier.model.layers[-1].kernel.shape[0]))
        classifier.learn_familiar(features.astype("float32"), np.arange(60) % 2)
        classifier.save(folder / f"{name}.keras")
        classifier.save(folder / f"{name}.h5")


def run(options, folder):
    """Run the mutants; return how each ended."""
    import multiprocessing

    pictures = make_pictures(folder / "pictures")
    maker = multiprocessing.get_context("spawn").Process(
        target=make_goods, args=(folder, folder / "pictures")
    )
    maker.start()
    maker.join()
    models, run_folders = (
        sorted([*folder.glob("*.keras"), *folder.glob("*.h5")]),
        sorted((folder / "runs").iterdir()),
    )
    import_everything()
    import_for_runs()
    gc.freeze()  # a collection in each process would copy all that the imports made
    runs, begun = [], time.monotonic()
    for number in range(options.first, options.first + options.mutants):
        if time.monotonic() - begun > 60 * options.minutes:
            break
        place = folder / f"mutant-{number}"
        place.mkdir()
        if options.of == ["runs"] or (number % 2 and "runs" in options.of):
            path, change = mutant_of_run(number, run_folders, place)
            verbs = RUN_VERBS
        else:
            path, change = mutant(number, models, place)
            verbs = list(VERBS.values())
        verb = verbs[number // 2 % len(verbs)]
        told = isolated(
            lambda verb=verb, path=path: verb(path, pictures), place, folder / "pictures", folder / "runs"
        )
        told |= {"number": number, "change": change, "verb": verb.__name__}
        runs.append(told)
        if is_fault(told):
            print(json.dumps(told), flush=True)
        shutil.rmtree(place)
    return runs


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--of", nargs="+", default=["models", "runs"], choices=["models", "runs"])
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    machine = hardware()
    with tempfile.TemporaryDirectory() as folder:
        runs = run(options, Path(folder))
    faults = [told for told in runs if is_fault(told)]
    outcomes = Counter((told["change"], told["outcome"]) for told in runs)
    names = ("fine", "refused", "traceback", "killed", "too slow")
    rows = [
        {"change": change} | {name: outcomes[change, name] for name in names}
        for change in sorted({told["change"] for told in runs})
    ]
    verbs = Counter(told["verb"] for told in runs)
    rows.append({"change": "all"} | {name: sum(row[name] for row in rows) for name in names})
    now = datetime.datetime.now(datetime.UTC)
    command = f"python benchmarks/faults/mutated_models.py --mutants {options.mutants} --minutes {options.minutes:g}"
    record = {"faults": faults, "hardware": machine, "versions": versions(), "command": command}
    seconds, megabytes = (max(told[key] for told in runs) for key in ("seconds", "megabytes"))
    lines = [
        f"# Mutated model files and run folders, {now:%Y-%m-%d}",
        "",
        f"{len(runs):,} mutants from number {options.first}, each through one of "
        f"{', '.join(f'{verb} ({count:,})' for verb, count in verbs.most_common())}. "
        f"The slowest took {seconds:.1f} s, the largest {megabytes} MB. "
        f"Faults: {len(faults)}; done outside: {sum(bool(told['outside']) for told in runs)}.",
        "",
        table(rows, ["change", *names]),
        "",
        *[f"- {count} x {kind}" for kind, count in Counter(told["kind"] for told in faults).most_common()],
        "",
        *origin_lines(record),
    ]
    if options.dry:
        print("\n".join(lines))
    else:
        write_results(RESULTS, "mutated_models", now, "\n".join(lines), record)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
