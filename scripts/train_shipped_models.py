"""Train the built-in models cifar10 and digits from scratch, and write their cards.

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

NEEDED_INPUT = {
    "digits": """
Pictures must be framed like MNIST's: one white digit on black, centered, with a margin around it. The model fails on
digits that fill the frame: on the test pictures of scikit-learn's `digits`, its accuracy is
{accuracy:.4f} (n = {pictures}); guessing gives 0.1.
""",
}
"""Name of a model -> what its card says about the pictures that it needs."""


def commit():
    """Return the commit of the code, and whether it was changed since."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True
    )
    return described.stdout.strip() or "unknown"


def without_optimizer(model):
    keras = import_keras()
    plain = keras.Sequential.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    return plain


def percent(scores):
    low, high = scores.interval
    interval = f"{100 * low:.2f}-{100 * high:.2f}%"
    return f"{100 * scores.accuracy:.2f}% (95% confidence interval {interval}, n = {scores.pictures:,})"


def needed_input(name, classifier):
    if name not in NEEDED_INPUT:
        return ""
    scores = classifier.evaluate(tellapart.open_dataset(name))
    return NEEDED_INPUT[name].format(accuracy=scores.accuracy, pictures=scores.pictures)


def card_page(name, trained, options, versions, code):
    card, seconds = trained.classifier.card, sum(epoch.seconds for epoch in trained.history)
    plain = trained.plain_scores or trained.scores
    changed = {key: value for key, value in options.items() if key not in ("data", "recipe", "out", "seed")}
    shape, policy = " x ".join(map(str, card.preprocessing.shape)), card.preprocessing.policy
    augmentation = f", test-time augmentation ({card.tta_views} copies)" if card.tta_views > 1 else ""
    return f"""# The {name} model

| | |
|---|---|
| classes | {", ".join(card.class_names)} |
| input | {shape} (height x width x channels); other sizes are resized ({policy}) |
| training data | {options["data"]}, training split; 2% held out |
| recipe | `{options["recipe"]}`{f" with {changed}" if changed else ""}, seed {options["seed"]} |
| test accuracy{augmentation} | {percent(trained.scores)} |
| test accuracy, no test-time augmentation | {percent(plain)} |
| calibration temperature | {card.temperature:.4f}, fitted on the held-out pictures; it changes no predicted class |
| energy limit | {card.novelty.limit:.4f}; 95% of the held-out pictures lie below |
| parameters | {trained.classifier.model.count_params():,} |
| training time | {seconds:.0f} s on {platform.machine()}, {versions} |
| code | commit {code}, {datetime.date.today().isoformat()} |

## Limits

The model knows only the classes above: it predicts one of them for every picture, and cannot say that a picture shows
something else. An energy above the limit suggests that it does, but many such pictures stay below
(`benchmarks/NOTES.md`).
{needed_input(name, trained.classifier)}
## Train it again

    python scripts/train_shipped_models.py {name}

The test split was used once, by this training. Another machine or other versions give other weights and about the
same accuracy.
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
