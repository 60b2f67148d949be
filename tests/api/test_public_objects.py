"""Every object that a public function returns, and what these hold, says what it is, in a line and in a card."""

import dataclasses
import inspect
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import tellapart
from tellapart.pages.card import LARGEST_CARD, LONGEST_LINE, Readable

CAT = Path(tellapart.__file__).parent / "guide" / "photos" / "cat.jpg"

NOT_LOOKED_INTO = (torch.nn.Module, keras.Layer, Path, str, bytes, type)
"""Objects of other libraries, and networks, which print as torch's do."""

UNNAMED = {"EarlyEnd", "Form"}
"""Named tuples: they print as such."""

MOST_OF_A_COLLECTION = 2


def held_by(thing):
    """What an object holds: fields, public attributes and properties, entries of a collection."""
    if isinstance(thing, Mapping):  # also a Comparison, which is a dict
        return [*list(thing)[:MOST_OF_A_COLLECTION], *list(thing.values())[:MOST_OF_A_COLLECTION]]
    if isinstance(thing, list | tuple):
        return list(thing)[:MOST_OF_A_COLLECTION]
    if not is_ours(thing):
        return []
    names = {name for name in dir(type(thing)) if is_value(thing, name)}
    if dataclasses.is_dataclass(thing):
        names |= {field.name for field in dataclasses.fields(thing)}
    names |= {name for name in getattr(thing, "__dict__", {}) if not name.startswith("_")}
    entries = list(thing)[:MOST_OF_A_COLLECTION] if isinstance(thing, Sequence) else []
    return [*entries, *(value for name in sorted(names) if (value := got(thing, name)) is not None)]


def is_value(thing, name):
    """Whether a name is that of a property which needs no long computation."""
    attribute = inspect.getattr_static(type(thing), name)
    return not name.startswith("_") and isinstance(attribute, property)


def got(thing, name):
    try:
        return getattr(thing, name)
    except tellapart.TellapartError:
        return None


def is_ours(thing):
    return type(thing).__module__.startswith("tellapart.") and not isinstance(thing, NOT_LOOKED_INTO)


def all_below(roots):
    """By class, the first objects met of each."""
    met, seen, waiting = {}, set(), list(roots)
    while waiting:
        thing = waiting.pop(0)
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if is_ours(thing) and not callable(type(thing).__dict__.get("__get__")):
            of_class = met.setdefault(type(thing), [])
            if len(of_class) < 4:
                of_class.append(thing)
        waiting += held_by(thing)
    return met


@pytest.fixture(scope="module")
def roots(trained, color_photos, tmp_path_factory):
    """What each public function returns for small data."""
    place = tmp_path_factory.mktemp("objects")
    old = place / "old.py"
    old.write_text(
        "from keras.models import Sequential\nmodel.fit(x, y, nb_epoch=3)\nmodel.fit_generator(g, 2000, 3)\n"
    )
    plain = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    plain.save(place / "plain.keras")
    photos = shutil.copytree(color_photos, place / "photos")
    (photos / "train" / "red" / "broken.png").write_bytes(b"no picture")
    shutil.copy(photos / "train" / "red" / "0.png", photos / "train" / "blue" / "copy.png")
    explanation = tellapart.explain(trained.folder, photos / "test" / "red" / "0.png")
    checked = tellapart.check(photos)
    again = shutil.copytree(trained.folder, place / "again")
    setups = []

    class Own(tellapart.Listener):
        def prepared(self, setup, model):
            setups.append(setup)

    settings = {"epochs": 1, "size": 16, "predictions": 0, "class_weight": "balanced"}
    tellapart.train(color_photos, recipe="quick", out=place / "heard", listener=Own(), **settings)
    return {
        "train": trained,
        "setup": setups[0],
        "tune": tellapart.tune(
            color_photos, recipe="quick", trials=1, epochs=1, size=16, out=place / "tuned", verbose=False
        ),
        "TuningProgress": tellapart.TuningProgress(1, 2, 3.0, 0.5),
        "runs": tellapart.runs(place),
        "MuonSettings": tellapart.MuonSettings(learning_rate=0.1),
        "Finding": tellapart.Finding("overfitting", 2, 1, "validation loss rises", "Stop earlier"),
        "StepDone": tellapart.StepDone(0, 1, 2, 3, 1.0, 1, 2),
        "evaluate": tellapart.evaluate(trained),
        "predict": tellapart.predict(trained, CAT),
        "predict a folder": tellapart.predict(trained, photos / "train"),
        "predict into a file": tellapart.predict(trained, CAT, out=place / "cat.csv"),
        "predict arrays": tellapart.predict("imagenet", [np.zeros((30, 40, 3), np.uint8)]),
        "explain": explanation,
        "heat maps": explanation.heat_maps,
        "counterfactuals": explanation.counterfactuals,
        "training examples": explanation.training_examples,
        "answer": explanation.answer,
        "report": tellapart.report(trained),
        "compare": tellapart.compare([trained, again]),
        "summary": tellapart.summary(trained),
        "summary of a recipe": tellapart.summary("fast"),
        "load": tellapart.load("digits"),
        "open_dataset": tellapart.open_dataset(photos),
        "digits": tellapart.open_dataset("digits"),
        "check": checked,
        "fix": checked.fix(place / "fixed.csv"),
        "augment": tellapart.augment(photos, out=place / "sheet.png", pictures=2, draws=2),
        "export": tellapart.export(trained, "torch", place / "net.pt2", count=3),
        "adopt": tellapart.adopt(place / "plain.keras", class_names=["a", "b", "c"], pixels="0-1"),
        "modernize": tellapart.modernize(old),
        "Labels": tellapart.Labels(file="labels.csv", label_column=2),
        "Augmentation": tellapart.Augmentation(horizontal_flip=True),
        "Source": tellapart.Source(title="a shop", accepts=bool, open=tellapart.open_dataset),
        "ServingLimits": tellapart.ServingLimits(queue=64),
        "LabeledImage": tellapart.LabeledImage("1", CAT, "cat"),
    }


@pytest.fixture(scope="module")
def objects(roots):
    return all_below(roots.values())


def test_every_public_class_is_met_and_readable(objects):
    public = {
        value for value in (getattr(tellapart, name) for name in tellapart.__all__) if inspect.isclass(value)
    }
    apart = {kind for kind in public if issubclass(kind, tellapart.TellapartError | tellapart.Listener)}
    apart.add(tellapart.Shards)  # written and tested in tests/data/shards
    assert public - apart - set(objects) == set()
    unreadable = {kind.__name__ for kind in objects if not issubclass(kind, Readable)}
    assert unreadable <= UNNAMED
    assert len(objects) > 50


def test_every_object_has_a_line(objects):
    for kind, things in objects.items():
        for thing in things:
            line = repr(thing)
            assert len(line) <= LONGEST_LINE, kind
            assert "\n" not in line
            if kind.__name__ not in UNNAMED:
                assert line.startswith((f"<{kind.__name__}", f"{kind.__name__}(")), line


def test_every_object_has_a_small_card(objects):
    for kind, things in objects.items():
        if issubclass(kind, Readable):
            for thing in things:
                card = thing._repr_html_()
                assert 0 < len(card.encode()) <= LARGEST_CARD, kind
                assert f"<b>{kind.__name__}</b>" in card


def test_lines_lead_with_what_a_reader_needs(roots):
    scores = roots["train"].scores
    assert repr(roots["train"]).startswith(
        f"<TrainingResult: test accuracy {scores.accuracy:.1%} (95% interval "
    )
    assert f"n = {scores.pictures})" in repr(roots["evaluate"])
    assert repr(roots["predict"]).startswith(f"<Predictions: {roots['predict'].best} ")
    assert repr(roots["Labels"]) == "Labels(file='labels.csv', label_column=2)"
    assert repr(roots["Augmentation"]) == "Augmentation(horizontal_flip=True)"


def test_a_picture_of_a_folder_that_cannot_be_read_is_told(roots):
    assert "1 failed" in repr(roots["predict a folder"])
