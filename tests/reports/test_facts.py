"""The facts of a real training, against scikit-learn and against what the training reported."""

import csv

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

import tellapart
from tellapart.metrics.calibration import calibration_error
from tellapart.runs.predictions import load_predictions


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return tellapart.train("digits", epochs=5, out=tmp_path_factory.mktemp("facts") / "run")


@pytest.fixture(scope="module")
def facts(trained):
    return tellapart.report(trained.folder).facts


@pytest.fixture(scope="module")
def test_predictions(trained):
    return load_predictions(trained.folder / "predictions.safetensors")["test"]


def test_scores_are_the_trainings(trained, facts):
    assert facts["scores"]["accuracy"] == trained.scores.accuracy
    assert facts["scores"]["interval"] == trained.scores.interval
    assert facts["missing"] == []


def test_classes_and_confusion_are_scikit_learns(facts, test_predictions):
    predicted = test_predictions.probabilities.argmax(1)
    np.testing.assert_array_equal(
        facts["scores"]["confusion"], confusion_matrix(test_predictions.labels, predicted)
    )
    columns = precision_recall_fscore_support(test_predictions.labels, predicted, zero_division=0)
    for name, column in zip(("precision", "recall", "f1"), columns, strict=False):
        np.testing.assert_allclose([row[name] for row in facts["scores"]["classes"]], column)


def test_curves_are_those_of_the_metrics_file(trained, facts):
    with (trained.folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_accuracy"]) for row in rows] == [row["val_accuracy"] for row in facts["curves"]]
    recalls = np.array([row["val_recalls"] for row in facts["curves"]])
    assert recalls.shape == (5, 10)
    accuracy = np.array([row["val_accuracy"] for row in facts["curves"]])
    np.testing.assert_allclose(recalls.mean(1), accuracy, atol=0.02)  # the classes have about the same size


def test_the_temperature_travels_in_the_model(trained, facts, test_predictions):
    temperature = tellapart.load(trained.folder).card.temperature
    assert facts["calibration"]["temperature"] == temperature == trained.classifier.card.temperature
    before = calibration_error(test_predictions.probabilities, test_predictions.labels)
    assert facts["calibration"]["before"]["error"] == before


def test_the_most_confident_mistakes_come_first(facts, test_predictions):
    confidence = [mistake["probability"] for mistake in facts["mistakes"]]
    assert confidence == sorted(confidence, reverse=True)
    assert len(confidence) == (test_predictions.probabilities.argmax(1) != test_predictions.labels).sum()
    assert all(test_predictions.ids[mistake["row"]] == mistake["id"] for mistake in facts["mistakes"])


def test_every_layer_has_its_time_and_the_cost_is_recorded(facts):
    assert all(layer["milliseconds"] >= 0 for layer in facts["network"]["layers"])
    assert facts["cost"]["seconds"] >= facts["cost"]["epochs_seconds"] > 0
    assert facts["cost"]["sessions"] == 1


def test_a_stopped_run_has_a_report_of_what_it_has(tmp_path):
    stopped = tellapart.train("digits", epochs=5, out=tmp_path / "run", should_stop=lambda: True)
    assert stopped.report is None
    facts = tellapart.report(tmp_path / "run").facts
    assert facts["scores"] is None
    assert facts["curves"] is None
    assert any(gap.startswith("Test results: ") for gap in facts["missing"])


def test_a_run_that_scores_on_the_test_split_fits_no_temperature(tmp_path, color_photos):
    trained = tellapart.train(
        str(color_photos), recipe="first-cnn", epochs=1, size=(16, 16), out=tmp_path / "run"
    )
    assert trained.classifier.card.temperature is None
    calibration = tellapart.report(trained.folder).facts["calibration"]
    assert calibration["after"] is None
    assert calibration["fitted_on"] is None
