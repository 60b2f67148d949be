"""Models that come along: they answer without being named, in any Keras, and as well as their cards say."""

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.classifier.resolve import resolve_model
from tellapart.data.split import divide
from tellapart.data.store import load_split
from tellapart.errors import ConfigError, ModelError
from tellapart.explanations.ood import limit_of
from tellapart.explanations.recorder import Recorder
from tellapart.keras_backend import import_keras
from tellapart.metrics.calibration import fit_temperature
from tellapart.models import backbones
from tellapart.models.backbones import pretrained_keras_model
from tellapart.models.pretrained import BUILT_IN, NAMES, pretrained_model
from tellapart.profiling.summary import describe
from tellapart.recipes.recipes import fast

keras = import_keras()

TRAINED_HERE = [name for name, model in BUILT_IN.items() if model.backbone is None]


def card_of(name):
    return pretrained_model(name).with_suffix(".md").read_text()


@pytest.mark.parametrize("name", TRAINED_HERE)
def test_a_shipped_model_is_a_plain_keras_model_of_a_few_megabytes_without_optimizer_state(name):
    path = pretrained_model(name)
    assert path.stat().st_size < 8e6
    model = keras.models.load_model(path)
    assert model.output_shape == (None, 10)
    assert not model.compiled
    with zipfile.ZipFile(path) as file:
        assert json.loads(file.read("tellapart.json"))["origin"]["recipe"] == "fast"


@pytest.mark.parametrize("name", TRAINED_HERE)
def test_its_card_says_what_it_is(name):
    card = card_of(name)
    for said in (
        "classes",
        "training data",
        "recipe",
        "seed",
        "test accuracy",
        "95% confidence interval",
        "commit",
    ):
        assert said in card
    assert "dirty" not in card
    assert ", ".join(tellapart.load(name).class_names) in card


def test_the_card_of_digits_says_what_pictures_it_wants_and_its_score_on_others():
    card = card_of("digits").replace("\n", " ")
    assert "one white digit on black, centered, with a margin" in card
    scores = tellapart.load("digits").evaluate(tellapart.open_dataset("digits"))
    said = re.search(r"its accuracy is ([\d.]+) \(n = (\d+)\)", card)
    assert float(said[1]) == pytest.approx(scores.accuracy, abs=0.01)
    assert int(said[2]) == scores.pictures


def test_it_answers_like_keras():
    classifier = tellapart.load("cifar10")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    theirs = keras.models.load_model(pretrained_model("cifar10")).predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(classifier.probabilities(images, tta_views=1), theirs, atol=1e-5)


def test_a_photo_is_named_without_a_model_named_and_without_keras(tmp_path):
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (80, 120, 3), np.uint8)).save(tmp_path / "photo.png")
    script = (
        "import sys; from tellapart.cli.main import main\n"
        f"code = main(['predict', {str(tmp_path / 'photo.png')!r}, '--json'])\n"
        "print('keras' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    (prediction,) = json.loads(done.stdout)["predictions"]
    assert prediction["predicted"] in tellapart.load("imagenet").class_names
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert done.stderr.strip() == "False"


def test_a_name_is_a_model_unless_something_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_model("digits") == pretrained_model("digits")
    (tmp_path / "digits").mkdir()
    assert str(resolve_model("digits")) == "digits"
    with pytest.raises(ModelError, match="Built-in models: imagenet, cifar10, digits"):
        pretrained_model("violins")


def test_evaluate_and_summary_know_it_by_its_name():
    images = np.zeros((4, 28, 28, 1), np.uint8)
    scores = tellapart.evaluate("digits", (images, np.arange(4))).scores
    assert scores.pictures == 4
    assert describe("digits").summary.input_shape == (28, 28, 1)


def test_the_default_is_a_backbone_and_answers_like_its_keras_model():
    classifier = tellapart.load(NAMES[0])
    images = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
    theirs = pretrained_keras_model("lite0").predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(classifier.probabilities(images), theirs, atol=1e-5)
    weights = [v.numpy() for v in classifier.model.weights]
    for ours, stored in zip(weights, pretrained_keras_model("lite0").weights, strict=True):
        np.testing.assert_array_equal(ours, stored.numpy())


def test_the_default_is_saved_with_its_groups_and_answers_the_same(tmp_path):
    classifier = tellapart.load("imagenet")
    classifier.save(tmp_path / "mine.keras")
    saved = tellapart.load(tmp_path / "mine.keras")
    photo = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)
    ((ours,), _), ((again,), _) = classifier.predict(photo, top=3), saved.predict(photo, top=3)
    assert saved.card == classifier.card
    assert again.names == ours.names
    assert again.probabilities == pytest.approx(ours.probabilities, abs=1e-5)


def test_the_card_of_the_default_counts_right():
    card, model = tellapart.load("imagenet").card, tellapart.load("imagenet").model
    text = card_of("imagenet")
    numbers = {"parameters": model.count_params(), "groups": len(set(card.groups.values()))}
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert f"{numbers['parameters']:,} numbers, of which {trained:,} were trained" in text
    assert f"{len(card.groups)} classes belong to one of {numbers['groups']} groups" in text
    counts = Counter(card.groups.values())
    assert f"dog has {counts['dog']}, cat {counts['cat']}, bird {counts['bird']}" in " ".join(text.split())


def test_damaged_weights_of_the_default_are_one_clear_error(monkeypatch, tmp_path):
    damaged = tmp_path / "weights.pth"
    damaged.write_bytes(b"x" * 1000)
    monkeypatch.setattr(backbones, "weights_file", lambda _: damaged)
    with pytest.raises(ModelError, match="is damaged, or another file: its sha256 is"):
        tellapart.load("imagenet")


def test_evaluating_it_alone_says_what_to_score_it_on():
    with pytest.raises(ConfigError, match=r"tellapart evaluate digits mnist$"):
        tellapart.evaluate("digits")


def skip_where_missing(data):
    from tellapart.data.sources.catalog import find_known
    from tellapart.data.sources.known import find_on_this_machine

    if find_on_this_machine(find_known(data)) is None:
        pytest.skip(f"{data} is not on this machine")


@pytest.mark.parametrize("name", TRAINED_HERE)
def test_it_knows_what_its_confidence_is_worth_and_what_is_unfamiliar_and_its_card_says_both(name):
    card = tellapart.load(name).card
    assert f"| calibration temperature | {card.temperature:.4f}" in card_of(name)
    assert f"| energy limit | {card.novelty.limit:.4f}" in card_of(name)


def test_temperature_and_limit_are_those_of_the_pictures_that_its_training_held_out():
    """Of the smaller model. The training fitted them on answers in bfloat16, which differ in their third digit."""
    skip_where_missing("mnist")
    classifier = tellapart.load("digits")
    share, seed = fast().validation_share, classifier.card.origin["seed"]
    dataset = divide(tellapart.open_dataset("mnist"), validation=share, test=0, seed=seed)
    held_out = load_split(dataset.splits["validation"], classifier.card.preprocessing)
    found = classifier.probabilities(held_out.images)
    assert classifier.card.temperature == pytest.approx(fit_temperature(found, held_out.labels), rel=0.1)
    limit = limit_of(Recorder(classifier.model, classifier.net.head), held_out.images)
    assert classifier.card.novelty.limit == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize(("name", "data"), [("cifar10", "cifar10"), ("digits", "mnist")])
def test_it_is_as_good_as_its_card_says(name, data):
    skip_where_missing(data)
    share, low, high = map(
        float,
        re.search(
            r"\| test accuracy.*?\| ([\d.]+)% \(95% confidence interval ([\d.]+)-([\d.]+)%", card_of(name)
        ).groups(),
    )
    assert low < share < high
    test = tellapart.open_dataset(data).splits["test"]
    images = np.stack([test.images.read(i) for i in range(1000)])
    right = (tellapart.load(name).probabilities(images).argmax(1) == test.labels[:1000]).mean()
    assert abs(100 * right - share) < 3  # four standard errors of 1,000 pictures at 94%
