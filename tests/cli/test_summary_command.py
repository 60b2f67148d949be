"""`summary` of recipes and of saved models."""

from command_line import tellapart


def test_the_tutorials_network_has_the_tutorials_parameters():
    told = tellapart("summary", "first-cnn", "--json").json
    assert told["parameters"] == 1_250_858
    assert told["recipe"]["optimizer"]["name"] == "RMSprop"


def test_a_recipe_tells_the_cost_of_its_training_before_it_runs():
    assert "TFLOPs: 200 epochs of 50,000 pictures" in tellapart("summary", "first-cnn").out


def test_a_recipe_tells_what_it_reached_with_and_without_views_or_that_nobody_measured():
    out = tellapart("summary", "fast").out
    assert "without test-time augmentation" in out
    assert "mean of 5 runs" in out
    assert "not measured" in tellapart("summary", "best", "--classes", "2").out


def test_a_recipe_is_described_for_any_size():
    told = tellapart(
        "summary", "quick", "--size", "28x32", "--channels", "1", "--classes", "7", "--json"
    ).json
    assert told["input_shape"] == [28, 32, 1]
    assert told["layers"][-1]["output_shape"] == [7]


def test_a_model_tells_its_classes_and_where_it_comes_from(run):
    told = tellapart("summary", run, "--json").json
    assert told["card"]["classes"] == ["dark", "light"]
    assert told["card"]["origin"]["recipe"] == "quick"
    out = tellapart("summary", run / "model.keras").out
    assert "dark, light" in out
    assert "FLOPs  " in out


def test_only_the_augmentation_that_does_something_is_shown():
    out = tellapart("summary", "first-cnn").out
    assert "horizontal flip yes" in out
    assert "zca" not in out


def test_a_saved_model_has_its_own_size(run):
    assert tellapart("summary", run, "--size", "32").code == 2


def test_neither_recipe_nor_model_names_the_recipes():
    result = tellapart("summary", "resnet")
    assert result.code == 1
    assert "first-cnn" in result.err
