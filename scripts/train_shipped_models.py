"""Train the models that come along with tellapart, from nothing, and write their cards.

    python scripts/train_shipped_models.py [cifar10|digits ...] [--seed 0]

`cifar10`: the recipe `fast` on CIFAR-10. `digits`: the same recipe with a narrower network on MNIST. Each touches
the test split once. Writes src/tellapart/models/pretrained/NAME.keras (without optimizer state) and NAME.md.
"""

import argparse
import datetime
import platform
import subprocess
import tempfile
from pathlib import Path

import tellapart
from tellapart.classifier.model_file import save_keras
from tellapart.keras_backend import import_keras

PLACE = Path(__file__).parent.parent / "src" / "tellapart" / "models" / "pretrained"
TRAININGS = {
    "cifar10": {"data": "cifar10", "recipe": "fast"},
    "digits": {"data": "mnist", "recipe": "fast", "widths": (32, 64, 128), "epochs": 6},
}

WANTED = {
    "digits": """
It wants pictures framed as MNIST's are: one white digit on black, centered, with a margin around it. Digits that fill
their frame are other pictures to it: on the test pictures of the known set `digits`, scikit-learn's, its accuracy is
{accuracy:.4f} (n = {pictures}), where guessing gives 0.1.
""",
}
"""What a card says besides, of the pictures that its model can be asked about."""


def commit():
    """The commit that the code is of, and whether it was changed since."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
    )
    return told.stdout.strip() or "unknown"


def without_optimizer(model):
    keras = import_keras()
    plain = keras.Sequential.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    return plain


def percent(scores):
    low, high = scores.interval
    return f"{100 * scores.accuracy:.2f}% (95% interval {100 * low:.2f}-{100 * high:.2f}%, n = {scores.pictures:,})"


def wanted(name, classifier):
    if name not in WANTED:
        return ""
    scores = classifier.evaluate(tellapart.open_dataset(name))
    return WANTED[name].format(accuracy=scores.accuracy, pictures=scores.pictures)


def card_page(name, trained, options, versions, code):
    card, seconds = trained.classifier.card, sum(epoch.seconds for epoch in trained.history)
    plain = trained.plain_scores or trained.scores
    changed = {key: value for key, value in options.items() if key not in ("data", "recipe", "out", "seed")}
    return f"""# The {name} model

| | |
|---|---|
| tells apart | {", ".join(card.class_names)} |
| pictures | {" x ".join(map(str, card.preprocessing.shape))}, others resized ({card.preprocessing.policy}) |
| trained on | {options["data"]}, its training split but for 2% held out |
| recipe | `{options["recipe"]}`{f" with {changed}" if changed else ""}, seed {options["seed"]} |
| test accuracy, as it answers ({card.tta_views} view{"s" * (card.tta_views > 1)}) | {percent(trained.scores)} |
| test accuracy without test-time views | {percent(plain)} |
| temperature | {card.temperature:.4f}, fitted on the pictures held out; it changes no answer |
| energy limit | {card.energy_limit:.4f}: of the pictures held out, 95% lie below |
| parameters | {trained.classifier.model.count_params():,} |
| trained in | {seconds:.0f} s on {platform.machine()}, {versions} |
| code | commit {code}, {datetime.date.today().isoformat()} |

The test split was touched once, by this training. Whatever the network is shown, it answers with one of the classes
above; it cannot say that a picture is none of them. An energy above the limit hints at it, and often is missing
(`benchmarks/NOTES.md`).
{wanted(name, trained.classifier)}
Trained again by `python scripts/train_shipped_models.py {name}`; another machine or other versions give other
weights and about the same accuracy.
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*TRAININGS, []], default=[], help="default: both")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    import keras
    import torch

    code = commit()  # before anything is written
    versions = f"torch {torch.__version__}, Keras {keras.__version__}, tellapart {tellapart.__version__}"
    for name in chosen.names or TRAININGS:
        with tempfile.TemporaryDirectory() as place:
            options = {**TRAININGS[name], "seed": chosen.seed, "out": f"{place}/run"}
            trained = tellapart.train(**options)
        save_keras(
            without_optimizer(trained.classifier.model), PLACE / f"{name}.keras", trained.classifier.card
        )
        (PLACE / f"{name}.md").write_text(card_page(name, trained, options, versions, code))
        print((PLACE / f"{name}.md").read_text())


if __name__ == "__main__":
    main()
