"""Several labels a picture, from the file of labels to the last page."""

import csv
import io
import json
import re

import keras
import numpy as np
import pytest
from labeled_pictures import COLORS, LABELS_SETTINGS, draw_patches
from PIL import Image
from sklearn.metrics import average_precision_score, f1_score

import tellapart
from tellapart.api.report import report
from tellapart.errors import ConfigError, DataError
from tellapart.explanations.attribution.budget import LEAST
from tellapart.runs.predictions import load_predictions
from tellapart.runs.saved_run import load_run

SIDE = 24


@pytest.fixture(scope="module")
def tested(labeled):
    return load_predictions(labeled.folder / "predictions.safetensors")["test"]


def test_a_training_learns_the_labels(labeled):
    assert labeled.finished
    assert labeled.scores.mean_average_precision > 0.9
    assert labeled.scores.naive_average_precision < 0.7
    best = max(labeled.history, key=lambda done: done.val_accuracy)
    assert best.val_accuracy > 0.9
    assert len(best.val_recalls) == 3


def test_data_epochs_and_predictions_say_labels_in_notebooks(labeled, labels_file):
    dataset = tellapart.open_dataset(labels_file, labels=tellapart.Labels(multi_label=True))
    (split,) = dataset.splits.values()
    assert "3 labels" in repr(split)
    for each in (split, dataset):
        assert "3 labels" in each._repr_html_()
    for name, count in zip(dataset.class_names, split.labels.sum(0), strict=True):
        assert re.search(rf">{name}</t[dh]>\s*<td[^>]*>{int(count)}<", dataset._repr_html_())
    done = labeled.history[-1]
    for text in (repr(done), done._repr_html_(), repr(load_run(labeled.folder).history[-1])):
        assert "val_mean_average_precision" in text
        assert "accuracy" not in text
    assert "from " in labeled.classifier.card._repr_html_()


def test_a_table_of_predictions_has_the_probability_of_each_given_label(labeled):
    random = np.random.default_rng(3)
    pictures = [draw_patches(random)[0] for _ in range(6)]
    predictions = tellapart.predict(labeled, pictures)
    for row, prediction in zip(predictions.table(), predictions, strict=True):
        shares = dict(zip(prediction.names, prediction.probabilities, strict=True))
        assert row["probabilities"] == [shares[label] for label in row["labels"]]
        assert "probability" not in row


def test_a_list_of_runs_has_them_beside_runs_of_one_class(labeled, trained):
    """Sorted by score they come after accuracies, with which theirs does not compare."""
    precision = labeled.scores.mean_average_precision
    listed = tellapart.runs(labeled.folder, trained.folder, sort="accuracy")
    assert [run.folder for run in listed] == [trained.folder, labeled.folder]
    assert f"mAP {100 * precision:.1f}%" in listed._repr_html_()
    assert f"best test accuracy {100 * trained.scores.accuracy:.1f}%" in repr(listed)
    assert f"best test mean average precision {100 * precision:.1f}%" in repr(tellapart.runs(labeled.folder))


def test_its_scores_are_scikit_learns(labeled, tested):
    probabilities, targets = tested.probabilities, tested.labels
    each = average_precision_score(targets, probabilities, average=None)
    np.testing.assert_allclose([row.average_precision for row in labeled.scores.labels], each, atol=1e-6)
    given = probabilities >= np.float32(labeled.classifier.card.thresholds)
    assert labeled.scores.macro_f1 == pytest.approx(f1_score(targets, given, average="macro"))


def test_thresholds_were_chosen_on_held_out_pictures_alone(labeled):
    held_out = load_predictions(labeled.folder / "predictions.safetensors")["validation"]
    card = labeled.classifier.card
    for label, threshold in enumerate(card.thresholds):
        column, truth = held_out.probabilities[:, label], held_out.labels[:, label]
        best = max(f1_score(truth, column >= cut) for cut in column)
        assert f1_score(truth, column >= np.float32(threshold)) == pytest.approx(best)
    assert card.thresholds_from == f"largest F1 of each label on {len(held_out.ids)} held-out pictures"


def test_evaluate_gives_the_score_of_the_training(labeled, labels_file):
    evaluation = tellapart.evaluate(labeled.folder)
    assert evaluation.scores == labeled.scores
    assert tellapart.evaluate(labeled.folder, labels_file).scores == labeled.scores
    json.dumps(evaluation.to_dict())


def test_evaluate_takes_other_forms_of_the_labels(labeled, labels_file, tmp_path):
    """Columns of 0 and 1 in another order, of all pictures."""
    with labels_file.open() as file:
        rows = list(csv.DictReader(file))
    names = ["red", "blue", "green"]
    path = labels_file.with_name("flags.csv")
    with path.open("w", newline="") as file:
        lines = [[row["file"], *(int(name in row["labels"]) for name in names)] for row in rows]
        csv.writer(file).writerows([["file", *names], *lines])
    scores = tellapart.evaluate(labeled.folder / "model.keras", path).scores
    assert scores.pictures == 160
    assert scores.mean_average_precision > 0.9
    assert [row.name for row in scores.labels] == sorted(names)


def test_a_model_of_one_class_refuses_several_labels(labels_file, trained):
    with pytest.raises(DataError, match="several labels a picture"):
        tellapart.evaluate(trained.folder, labels_file, labels=tellapart.Labels(multi_label=True))


def test_plain_keras_gives_the_same_probabilities(labeled, tested, labels_file):
    model = keras.saving.load_model(labeled.folder / "model.keras")
    images = np.stack([np.asarray(Image.open(labels_file.with_name(name))) for name in tested.ids])
    if labeled.classifier.card.tta_views == 1:
        np.testing.assert_allclose(model.predict(images, verbose=0), tested.probabilities, atol=1e-5)
    assert model.loss == "binary_crossentropy"


def test_predict_gives_each_picture_its_labels(labeled, tested, labels_file):
    files = [labels_file.with_name(name) for name in tested.ids]
    predictions = tellapart.predict(labeled.folder, files)
    thresholds = dict(predictions.thresholds)
    for prediction, row in zip(predictions, tested.probabilities, strict=True):
        by_name = dict(zip(predictions.class_names, row, strict=True))
        assert set(prediction.labels) == {
            name for name, share in by_name.items() if share >= np.float32(thresholds[name])
        }
    assert {len(prediction.labels) for prediction in predictions} >= {0, 1, 2}
    first = predictions.to_dict()["predictions"][0]
    assert first["predicted"] == list(predictions[0].labels)
    rows = list(csv.DictReader(io.StringIO(predictions.to_csv())))
    assert rows[0]["predicted"].split("|") == list(predictions[0].labels) or rows[0]["predicted"] == ""
    np.testing.assert_allclose(
        [float(rows[0][name]) for name in predictions.class_names], tested.probabilities[0], atol=1e-5
    )


def test_a_heat_map_of_a_label_lies_on_its_patch(labeled, monkeypatch):
    """A picture with a red patch at the top left and a blue one at the bottom right."""
    monkeypatch.setattr("tellapart.explanations.attribution.budget.effort_of", lambda _: LEAST)
    pixels = np.random.default_rng(1).normal(120, 20, (SIDE, SIDE, 3))
    pixels[2:10, 2:10], pixels[14:22, 14:22] = COLORS["red"], COLORS["blue"]
    explanation = tellapart.explain(labeled.folder / "model.keras", pixels.clip(0, 255).astype(np.uint8))
    names = explanation.subject.class_names
    assert {names[index] for index in explanation.answer.given} == {"red", "blue"}
    boxes = {"red": slice(0, 12), "blue": slice(12, 24)}
    maps = explanation.heat_maps.maps
    assert all(contrast.and_not is None for contrast in maps)
    for contrast, drawn in maps.items():
        if names[contrast.of] in boxes:
            (occlusion,) = [each for each in drawn if each.method == "occlusion"]
            quarter = boxes[names[contrast.of]]
            heat = np.maximum(occlusion.values, 0)
            assert heat[quarter, quarter].sum() > 0.6 * heat.sum()
    values = explanation.to_dict()
    assert set(values["predicted"]) == {"red", "blue"}
    assert values["counterfactuals"] is None
    text = explanation.to_html()
    assert "Why “" in text
    assert "label-map" in text


def test_the_report_names_its_score(labeled):
    page = labeled.report.read_text()
    for words in (
        "Test mean average precision",
        "Scores of each label",
        "Worst mistakes",
        "largest F1 of each label",
    ):
        assert words in page
    shown = page.split("<main")[1].split("<footer")[0].replace("chart-accuracy", "").lower()
    assert "accuracy" not in shown
    facts = report(labeled.folder).facts
    assert facts["label_scores"]["mean_average_precision"] == labeled.scores.mean_average_precision
    assert facts["scores"] is None
    assert "--multi-label" in facts["run"]["command"]


def test_metrics_are_called_what_they_are(labeled):
    rows = list(csv.DictReader((labeled.folder / "metrics.csv").open()))
    assert float(rows[-1]["val_mean_average_precision"]) == labeled.history[-1].val_accuracy
    assert float(rows[-1]["exact_match"]) == labeled.history[-1].accuracy
    assert "accuracy" not in rows[0]


def test_a_stopped_training_goes_on_to_the_same_end(labels_file, tmp_path):
    settings = {**LABELS_SETTINGS, "epochs": 2, "predictions": 0}
    settings |= {"multi_label": True, "verbose": False}
    whole = tellapart.train(labels_file, out=tmp_path / "whole", **settings)
    steps = iter(range(10_000))
    stopped = tellapart.train(
        labels_file, out=tmp_path / "stopped", should_stop=lambda: next(steps) == 8, **settings
    )
    assert not stopped.finished
    resumed = tellapart.train(resume=stopped.folder, verbose=False)
    assert [done.val_accuracy for done in resumed.history] == [done.val_accuracy for done in whole.history]
    for ours, theirs in zip(
        resumed.classifier.model.get_weights(), whole.classifier.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipe": "transfer", "fine_tune": "on"}, "not fine-tuned on several labels"),
        ({"recipe": "transfer", "epochs": 3}, "not fine-tuned on several labels"),
        ({"target": 0.9}, "target is an accuracy"),
    ],
)
def test_settings_that_do_not_fit_are_refused(labels_file, changes, words):
    with pytest.raises(ConfigError, match=words):
        tellapart.train(labels_file, multi_label=True, **changes)


def test_runs_of_several_labels_are_compared_by_their_mean_average_precision(labeled, tmp_path):
    import shutil

    comparison = tellapart.compare([labeled.folder, shutil.copytree(labeled.folder, tmp_path / "other")])
    expected = [labeled.scores.mean_average_precision] * 2
    assert [run["average_precision"] for run in comparison["runs"]] == pytest.approx(expected)
    (pair,) = comparison["pairs"]
    assert (pair["difference"], pair["p_value"]) == (0, 1)
    assert f"highest test mean AP {100 * expected[0]:.2f}% (n={labeled.scores.pictures})" in repr(comparison)
    best = max(done.val_accuracy for done in labeled.history)
    assert [run["best_val_mean_average_precision"] for run in comparison["runs"]] == [best, best]
    assert comparison["runs"][0]["best_val_accuracy"] is None
    point = comparison["curves"][0][0]
    assert point["val_mean_average_precision"] == labeled.history[0].val_accuracy
    assert point["exact_match"] == labeled.history[0].accuracy
    assert "validation mean AP" in comparison.save(tmp_path / "page.html").read_text()


def test_a_check_reads_them(labels_file):
    checked = tellapart.check(labels_file, labels=tellapart.Labels(multi_label=True))
    assert any("several labels" in words for words in checked.to_dict()["not_looked_for"])
    assert not any(finding.kind == "wrong label" for finding in checked.findings)


def test_a_contact_sheet_names_all_labels(labels_file, tmp_path):
    labels = tellapart.Labels(multi_label=True)
    place = tmp_path / "sheet.png"
    sheet = tellapart.augment(labels_file, labels=labels, recipe="quick", out=place, pictures=4, draws=2)
    named = {name for text in sheet.class_names for name in text.split(", ")}
    assert named <= {*COLORS, "no label"}


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "ricap"])
def test_pictures_are_mixed_with_their_labels(labels_file, tmp_path, mixing):
    result = tellapart.train(
        labels_file,
        multi_label=True,
        out=tmp_path / mixing,
        verbose=False,
        mixing=mixing,
        label_smoothing=0.1,
        **{**LABELS_SETTINGS, "epochs": 1},
    )
    assert np.isfinite(result.history[0].loss)


def test_the_tutorial_keeps_usual_thresholds(labels_file, tmp_path):
    """It holds out no pictures, and the test pictures must choose nothing."""
    result = tellapart.train(
        labels_file, multi_label=True, recipe="first-cnn", epochs=1, out=tmp_path / "first", verbose=False
    )
    assert result.classifier.card.thresholds == (0.5,) * 3
    assert "no pictures were held out" in result.classifier.card.thresholds_from


def test_a_fast_training_learns_the_labels(labels_file, tmp_path):
    result = tellapart.train(
        labels_file,
        multi_label=True,
        recipe="fast",
        epochs=6,
        widths=(16, 32, 32),
        out=tmp_path / "fast",
        verbose=False,
    )
    assert result.scores.mean_average_precision > 0.9


def test_a_transfer_fits_one_regression_a_label(labels_file, tmp_path):
    result = tellapart.train(
        labels_file,
        multi_label=True,
        recipe="transfer",
        size=(64, 64),
        out=tmp_path / "transfer",
        verbose=False,
    )
    assert result.scores.mean_average_precision > result.scores.naive_average_precision + 0.2
    assert "held-out pictures" in result.classifier.card.thresholds_from
    again = tellapart.load(result.folder)
    assert again.net.head == "label probabilities"
    assert tellapart.evaluate(result.folder).scores.mean_average_precision == pytest.approx(
        result.scores.mean_average_precision, abs=1e-4
    )
    assert "--multi-label" in report(result.folder).facts["run"]["command"]
    with pytest.raises(ConfigError, match=r"has no epochs to go on from: .* Leave out the epochs"):
        tellapart.train(resume=result.folder, epochs=5, verbose=False)


def test_arrays_of_several_labels_are_trained_on(tmp_path):
    random = np.random.default_rng(3)
    drawn = [draw_patches(random) for _ in range(60)]
    images = np.stack([pixels for pixels, _ in drawn])
    targets = np.array([[name in names for name in COLORS] for _, names in drawn])
    result = tellapart.train(
        images,
        labels=targets,
        class_names=list(COLORS),
        multi_label=True,
        out=tmp_path / "arrays",
        verbose=False,
        **{**LABELS_SETTINGS, "epochs": 1},
    )
    assert result.classifier.class_names == tuple(COLORS)
    in_order = {"x": images, "y": targets, "class_names": list(COLORS)}
    turned = {"x": images, "y": targets[:, ::-1], "class_names": list(COLORS)[::-1]}
    first, second = (tellapart.evaluate(result.folder, each).scores for each in (in_order, turned))
    assert first.mean_average_precision == pytest.approx(second.mean_average_precision)
    assert first.pictures == 60


def test_a_resumed_run_of_one_class_does_not_become_one_of_several(trained):
    with pytest.raises(ConfigError, match="keeps its settings"):
        tellapart.train(resume=trained.folder, multi_label=True)


def test_a_run_is_repeated_with_its_labels(labeled, tmp_path):
    again = tellapart.train(config=labeled.folder, epochs=1, out=tmp_path / "again", verbose=False)
    assert again.classifier.card.multi_label
    assert again.classifier.class_names == labeled.classifier.class_names
