"""Settings side by side: only those that are not the same in all runs."""

from tellapart.reports.differences import circumstances_that_differ, settings_that_differ


def run(**settings):
    data = {"name": "photos", "pictures": {"train": 10}, "class_names": ["a"]} | settings.pop("data", {})
    run = {"recipe": "fast", "epochs": 3, "optimizer": {"name": "Adam", "learning_rate": 0.1}} | settings
    return {
        "tellapart": "0.1.0",
        "run": run,
        "data": data,
        "versions": {"torch": "2.10"},
        "hardware": {"cores": 2},
    }


def test_what_is_the_same_is_left_out():
    assert settings_that_differ([run(), run(), run()]) == []
    assert circumstances_that_differ([run(), run()]) == []


def test_nested_settings_and_those_that_one_run_lacks():
    rows = settings_that_differ(
        [run(), run(optimizer={"name": "Adam", "learning_rate": 0.25}, augmentation={"flip": True}, epochs=5)]
    )
    assert rows == [
        {"setting": "epochs", "values": ["3", "5"]},
        {"setting": "optimizer.learning_rate", "values": ["0.1", "0.25"]},
        {"setting": "augmentation.flip", "values": ["–", "yes"]},
    ]


def test_the_data_count_too_and_long_values_are_cut():
    rows = settings_that_differ([run(), run(data={"pictures": {"train": 20}, "class_names": ["x" * 100]})])
    assert [row["setting"] for row in rows] == ["data.pictures.train", "data.class_names"]
    assert rows[1]["values"][1] == "x" * 79 + "…"


def test_versions_and_machine():
    other = {**run(), "versions": {"torch": "2.11"}}
    assert circumstances_that_differ([run(), other]) == [{"setting": "torch", "values": ["2.10", "2.11"]}]


def test_long_values_that_part_late_are_told_apart():
    runs = [run(optimizer={"settings": "x" * 200 + end}) for end in ("a", "b")]
    (row,) = settings_that_differ(runs)
    assert row["values"][0] != row["values"][1]
    assert all(len(value) <= 80 for value in row["values"])


def test_numbers_that_differ_in_their_last_digits_are_told_apart():
    (row,) = settings_that_differ([run(target=0.1234567), run(target=0.1234568)])
    assert row["values"] == ["0.1234567", "0.1234568"]


def test_another_column_of_the_same_file_is_another_setting():
    (row,) = settings_that_differ([run(data={"label_column": each}) for each in ("color", "shape")])
    assert row == {"setting": "data.label_column", "values": ["color", "shape"]}
