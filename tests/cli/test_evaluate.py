"""`evaluate` scores the run's own test pictures, or the pictures it is given, and says which."""

from command_line import make_pictures, tellapart


def test_a_run_is_scored_on_its_own_test_pictures(pictures_and_run):
    _, run, told = pictures_and_run
    result = tellapart("evaluate", run, "--json")
    assert result.code == 0
    assert result.json["scores"] == told["scores"]
    assert result.json["note"] == ""


def test_its_own_data_given_again_is_not_scored_on_training_pictures(pictures_and_run):
    folder, run, told = pictures_and_run
    assert tellapart("evaluate", run, folder, "--json").json["scores"] == told["scores"]


def test_labels_given_with_its_own_data_are_used(pictures_and_run, tmp_path):
    folder, run, _ = pictures_and_run
    (tmp_path / "labels.csv").write_text("file,label\ndark/0.png,light\nlight/0.png,dark\n")
    scores = tellapart("evaluate", run, folder, "--labels", tmp_path / "labels.csv", "--json").json["scores"]
    assert sum(row["pictures"] for row in scores["classes"]) == 2


def test_a_model_file_needs_to_be_told_what_to_score(run):
    result = tellapart("evaluate", run / "model.keras")
    assert result.code == 2
    assert "DATA" in result.err


def test_undivided_pictures_are_all_scored_and_it_says_so(run, folder):
    result = tellapart("evaluate", run / "model.keras", folder)
    assert result.code == 0
    assert "of 40 pictures)" in result.out
    assert "All accuracy" in result.out
    assert "no test split" in result.err


def test_pictures_that_changed_since_are_noticed(tmp_path):
    folder = make_pictures(tmp_path / "own", {"dark": 20, "light": 20})
    options = ("--recipe", "quick", "--epochs", "1", "--size", "16", "--out", "own-run")
    assert tellapart("train", folder, *options).code == 0
    for path in folder.rglob("*.png"):
        path.write_bytes((folder / "dark" / "0.png").read_bytes())
    assert "have changed" in tellapart("evaluate", "own-run").err


def test_a_table_of_classes_and_the_mistakes(run):
    out = tellapart("evaluate", run).out
    assert "precision" in out
    assert "light" in out


def test_a_split_that_is_not_there_is_named(run, folder):
    result = tellapart("evaluate", run / "model.keras", folder, "--split", "validation")
    assert result.code == 3
    assert "train" in result.err


def test_classes_that_the_model_does_not_know_are_named(run, tmp_path):
    other = make_pictures(tmp_path / "other", {"cat": 3, "dog": 3})
    result = tellapart("evaluate", run, other)
    assert result.code == 3
    assert "cat" in result.err


def test_another_precision_gives_the_same_classes(pictures_and_run):
    _, run, told = pictures_and_run
    for precision in ("bfloat16", "auto"):
        result = tellapart("evaluate", run, "--json", "--precision", precision)
        assert result.code == 0
        assert result.json["scores"]["accuracy"] == told["scores"]["accuracy"]


def test_a_precision_that_does_not_exist_is_a_usage_error(run):
    assert tellapart("evaluate", run, "--precision", "half").code == 2
