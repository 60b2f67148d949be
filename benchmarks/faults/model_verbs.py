"""What each command does with a model file from a stranger, in a process of its own with a limit on time and memory.

    python benchmarks/faults/model_verbs.py PHOTOS FILE... [--verbs load predict ...]

Prints a line of JSON for each file and verb: how it ended, its message, seconds of the processor and of the clock,
megabytes at most, and what it did outside: started programs, connections, files written. PHOTOS has <class>/<picture>.
"""

import argparse
import json
from pathlib import Path

from isolation import isolated


def load(path, _):
    import tellapart

    return tellapart.load(path).class_names


def predict(path, pictures):
    import tellapart

    return [answer.probabilities for answer in tellapart.predict(path, pictures[:2]).predictions]


def evaluate(path, pictures):
    import tellapart

    return tellapart.evaluate(path, pictures[0].parents[1]).scores.accuracy


def explain(path, pictures):
    import tellapart

    return len(tellapart.explain(path, pictures[0], quick=True).to_html())


def explain_fully(path, pictures):
    import tellapart

    return len(tellapart.explain(path, pictures[0]).to_html())


def summary(path, _):
    import tellapart

    return tellapart.summary(path).to_dict()["parameters"]


def backbone(path, _):
    from tellapart.classifier.backbone_choice import choose_backbone

    return str(choose_backbone(str(path), (32, 32)).open(32, 32).features.output_shape)


def backbone_weights(path, _):
    from tellapart.classifier.backbone_choice import choose_backbone

    return str(choose_backbone(f"MobileNetV2={path}").open(32, 32).features.output_shape)


VERBS = {verb.__name__: verb for verb in (load, predict, evaluate, explain, summary, backbone)}
MORE_VERBS = VERBS | {"explain_fully": explain_fully, "backbone_weights": backbone_weights}


def import_everything():
    """Import what the verbs need before they are forked, without starting a thread."""
    import h5py  # noqa: F401
    import torch

    import tellapart.api.evaluate
    import tellapart.api.explain
    import tellapart.api.predict
    import tellapart.api.summary
    import tellapart.explanations.explainer  # noqa: F401
    from tellapart.keras_backend import import_keras

    torch.set_num_threads(1)
    import_keras()


def isolated_verb(verb, path, pictures):
    """Run a verb on a file in a process of its own; return how it ended, as `isolated` does."""
    places = (path.parent, pictures[0].parents[1])
    return isolated(lambda: MORE_VERBS[verb](path, pictures), *places) | {"verb": verb}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--verbs", nargs="+", default=list(VERBS), choices=MORE_VERBS)
    options = parser.parse_args()
    import_everything()
    pictures = sorted(options.photos.resolve().rglob("*.png"))
    for file in map(Path.resolve, options.files):
        for verb in options.verbs:
            print(json.dumps({"file": file.name} | isolated_verb(verb, file, pictures)), flush=True)


if __name__ == "__main__":
    main()
