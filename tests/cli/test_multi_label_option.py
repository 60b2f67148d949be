"""`--multi-label`: what the commands print and write for several labels a picture."""

import csv
import io

import pytest
from command_line import tellapart

FEW = ("--recipe", "quick", "--epochs", "2", "--batch-size", "16", "--validation-share", "0.25")


def test_train_says_what_it_took_and_names_its_score(labels_file, tmp_path):
    result = tellapart("train", labels_file, "--multi-label", *FEW, "--out", tmp_path / "run")
    assert result.code == 0
    for words in (
        "labels.csv: column labels: labels divided by |.",
        "labels.csv: 3 labels, 0 to 3 a picture;",
        "val_mAP",
    ):
        assert words in result.err
    for words in (
        "3 labels (",
        "Test mean average precision:",
        "All labels right:",
        "Thresholds: largest F1 of each label",
    ):
        assert words in result.out
    assert "accuracy" not in result.out.lower()


def test_train_gives_json(labels_file, tmp_path):
    result = tellapart(
        "train", labels_file, "--multi-label", *FEW, "--out", tmp_path / "run", "--json", "--quiet"
    )
    assert "val_mean_average_precision" in result.json["history"][0]
    assert result.json["scores"]["labels"][0]["name"] == "blue"
    assert isinstance(result.json["predictions"][0]["true"], list)


def test_evaluate_has_a_row_for_each_label(labeled):
    result = tellapart("evaluate", labeled.folder)
    assert result.code == 0
    for words in (
        "Test mean average precision:",
        "All labels right:",
        "threshold",
        "green",
        "Thresholds:",
    ):
        assert words in result.out
    assert tellapart("evaluate", labeled.folder, "--json").json["scores"]["labels"][2]["name"] == "red"


def test_predict_prints_labels_and_thresholds(labeled, labels_file):
    one = tellapart("predict", labeled.folder, labels_file.with_name("0.png"))
    assert (one.code, "threshold" in one.out) == (0, True)
    many = tellapart("predict", labeled.folder, labels_file.parent, "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(many.out)))
    assert len(rows) == 160
    assert any("|" in row["predicted"] for row in rows)
    table = tellapart("predict", labeled.folder, *(labels_file.with_name(f"{n}.png") for n in range(5)))
    assert "labels" in table.out


@pytest.mark.parametrize("command", ["train", "check", "evaluate"])
def test_class_folders_are_refused(command, color_photos, labeled):
    model = [labeled.folder] if command == "evaluate" else []
    result = tellapart(command, *model, color_photos, "--multi-label")
    assert result.code == 2
    assert "Several labels a picture (--multi-label) cannot be used here" in result.err


def test_a_file_of_several_labels_gets_the_hint(tmp_path, labels_file):
    result = tellapart("train", labels_file, *FEW, "--out", tmp_path / "run")
    assert result.code == 3
    assert "pass --multi-label" in result.err


def test_a_separator_alone_is_refused(labels_file):
    assert tellapart("train", labels_file, "--label-separator", ";").code == 2


def test_summary_shows_thresholds(labeled):
    result = tellapart("summary", labeled.folder)
    assert "thresholds from" in result.out
    assert tellapart("summary", labeled.folder, "--json").json["card"]["multi_label"] is True


def test_a_quick_explanation_is_of_the_first_label(labeled, labels_file, tmp_path):
    given = ("explain", labeled.folder, labels_file.with_name("0.png"), "--quick", "--out", tmp_path)
    result = tellapart(*given, "--json")
    assert result.code == 0
    (page,) = result.json["explanations"]
    assert isinstance(page["predicted"], list)
    printed = tellapart(*given).out
    assert all(name in printed for name in page["predicted"] or ["no label"])


def test_report_prints_the_score(labeled):
    done = tellapart("report", labeled.folder)
    assert f"Test mean average precision: {100 * labeled.scores.mean_average_precision:.2f}%" in done.out


def test_a_run_and_its_copy_are_compared_as_equal(labeled, tmp_path):
    import shutil

    page, copy = tmp_path / "page.html", shutil.copytree(labeled.folder, tmp_path / "other")
    done = tellapart("report", "--compare", labeled.folder, copy, "--out", page)
    assert done.code == 0
    assert f"{100 * labeled.scores.mean_average_precision:.2f}%" in done.out
    assert "are equally good." in done.out
    text = page.read_text()
    assert "mean average precision (mean AP) by a bootstrap" in text
    assert "McNemar" not in text


def test_adopt_refuses_a_model_with_a_card(labeled):
    assert "already has a model card" in tellapart("adopt", labeled.folder / "model.keras").err
