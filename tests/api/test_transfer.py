"""A transfer, whole: its head, its card, its file, its report; what `auto` chooses; what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest

import tellapart
from tellapart.errors import ConfigError, DataError
from tellapart.explanations.examples import feature_cache
from tellapart.inference.feature_net import FeatureNet
from tellapart.models.backbones import headless
from tellapart.recipes.auto import FEWEST_FROM_SCRATCH, choose_recipe
from tellapart.runs.saved_run import load_run

SIDE = 64
PLAIN_KERAS = """
import json, os, sys
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy as np
images = np.load(sys.argv[2]).astype("float32")
assert "tellapart" not in sys.modules
print(json.dumps(keras.models.load_model(sys.argv[1]).predict(images, verbose=0).tolist()))
"""


@pytest.fixture(scope="module")
def digits():
    """The first 300 real digits, enlarged to 32 pixels, as gray arrays."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images[:300] * 255 / 16).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    return images, data.target[:300]


@pytest.fixture(scope="module")
def result(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("transfer") / "run"
    settings = {"size": (SIDE, SIDE), "precision": "float32"}
    return tellapart.train(digits, recipe="transfer", out=out, verbose=False, **settings)


def events(folder, kind):
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["event"] == kind]


def test_few_gray_pictures_are_learned(result):
    assert result.finished
    assert result.scores.accuracy > 0.7
    assert result.classifier.card.preprocessing.shape == (SIDE, SIDE, 3)
    assert result.classifier.card.temperature is not None


def test_what_the_log_says_of_the_head_is_cross_validated(result):
    (fitted,) = events(result.folder, "HeadFitted")
    assert fitted["folds"] == 5
    assert fitted["val_pictures"] == len(result.classifier.class_names) * 24  # 300, less a fifth for the test
    best = min(fitted["path"], key=lambda row: row["loss"])
    assert (fitted["penalty"], fitted["val_loss"]) == (best["penalty"], best["loss"])


def test_digits_are_not_mirrored(result):
    (features,) = events(result.folder, "FeaturesDone")
    assert features["views"] == 1
    assert result.classifier.card.tta_views == 1


def test_the_file_opens_in_plain_keras_with_the_same_probabilities(result, digits, tmp_path):
    images = digits[0][:8].repeat(2, 1).repeat(2, 2)[..., None].repeat(3, 3)  # (8, SIDE, SIDE, 3)
    np.save(tmp_path / "images.npy", images)
    model, pictures = str(result.folder / "model.keras"), str(tmp_path / "images.npy")
    done = subprocess.run(
        [sys.executable, "-c", PLAIN_KERAS, model, pictures], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours = tellapart.load(result.folder).probabilities(images)
    np.testing.assert_allclose(ours, json.loads(done.stdout), atol=1e-5)


def test_predicting_by_it_does_not_import_keras(result, color_photos):
    script = (
        "import sys, tellapart\n"
        "tellapart.predict(sys.argv[1], sys.argv[2])\n"
        "assert 'keras' not in sys.modules and 'sklearn' not in sys.modules\n"
    )
    picture = str(color_photos / "test" / "red" / "0.png")
    done = subprocess.run(
        [sys.executable, "-c", script, str(result.folder), picture],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_backbone_stays_as_it_is(result):
    from tellapart.models.backbones import pretrained_keras_model

    expected = headless(pretrained_keras_model("lite0", SIDE)).get_weights()
    for ours, theirs in zip(headless(result.classifier.model).get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_report_tells_how_the_head_was_fitted_and_runs_no_picture_twice(result, monkeypatch):
    monkeypatch.setattr("tellapart.reports.nearest_examples.features", only_for_mistakes(10))
    page = tellapart.report(result.folder)
    head = page.facts["head"]
    assert head["backbone"] == "lite0"
    assert head["views"] == 1
    assert page.facts["curves"] is None
    assert not [line for line in page.facts["missing"] if "curves" in line.lower()]
    text = page.path.read_text(encoding="utf-8")
    assert "5-fold cross-validation" in text
    assert page.facts["run"]["command"] is None  # the pictures were arrays in memory


def only_for_mistakes(most):
    from tellapart.reports.nearest_examples import features

    def counted(classifier, images, *rest, **named):
        assert len(images) <= most
        return features(classifier, images, *rest, **named)

    return counted


def test_the_run_folder_keeps_the_features_of_its_training_pictures(result, digits):
    run = load_run(result.folder, result_stores(result, digits))
    kept = feature_cache.kept_features(run, tellapart.load(result.folder))
    net, precision = FeatureNet(headless(result.classifier.model)), run.data["precision"]
    expected = net(run.stores["train"].images, precision=precision)
    np.testing.assert_allclose(kept, expected, atol=2e-3)


def result_stores(result, digits):
    from tellapart.data.open import open_dataset
    from tellapart.data.split import apply_split, read_split_csv
    from tellapart.data.store import load_split

    dataset = apply_split(open_dataset(digits), read_split_csv(result.folder / "split.csv"))
    preprocessing = result.classifier.card.preprocessing
    return {name: load_split(split, preprocessing) for name, split in dataset.splits.items()}


def test_a_class_with_one_picture_is_named_and_nothing_is_left(digits, tmp_path):
    images, labels = digits
    kept = np.flatnonzero(labels < 2)[:20]
    alone = np.flatnonzero(labels == 7)[:1]
    rows = np.concatenate([kept, alone])
    with pytest.raises(DataError, match="7 has only one training picture"):
        tellapart.train(
            (images[rows], labels[rows]),
            recipe="transfer",
            size=(32, 32),
            out=tmp_path / "run",
            verbose=False,
        )
    assert not (tmp_path / "run").exists()


def test_two_pictures_a_class_are_enough(digits, tmp_path):
    images, labels = digits
    rows = np.concatenate([np.flatnonzero(labels == label)[:3] for label in (0, 1)])
    result = tellapart.train(
        (images[rows], labels[rows]), recipe="transfer", size=(32, 32), out=tmp_path / "run", verbose=False
    )
    assert result.finished
    assert result.classifier.card.temperature is None  # too few to tell


def test_a_target_is_refused(color_photos, tmp_path):
    with pytest.raises(ConfigError, match="The recipe transfer has no target"):
        tellapart.train(str(color_photos), recipe="transfer", out=tmp_path / "run", target=0.9)
    assert not (tmp_path / "run").exists()


def dataset(side, count, channels=3):
    images = np.zeros((count, side, side, channels), np.uint8)
    return tellapart.open_dataset((images, np.arange(count) % 2))


@pytest.mark.parametrize(
    ("side", "count", "channels", "recipe"),
    [
        (32, 100, 3, "transfer"),
        (32, FEWEST_FROM_SCRATCH, 3, "fast"),
        (28, 100, 1, "transfer"),
        (28, 200, 1, "fast"),
        (96, 100, 3, "transfer"),
        (96, 200, 1, "transfer"),
    ],
)
def test_auto_chooses_by_number_and_size_and_says_why(side, count, channels, recipe):
    choice = choose_recipe(dataset(side, count, channels))
    assert choice.recipe == recipe
    assert choice.reason.startswith("chosen for")


def test_auto_is_the_default(color_photos, tmp_path):
    """Photos of 20 to 60 pixels, few of them."""
    result = tellapart.train(str(color_photos), size=(32, 32), out=tmp_path / "run", verbose=False)
    assert result.classifier.card.origin["recipe"] == "transfer"
    assert result.scores.accuracy == 1.0
