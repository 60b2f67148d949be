"""The sentences of the guide's page on what is to be read otherwise today: each correction, shown to be so."""

import dataclasses
import inspect
import re
import statistics
import warnings
from pathlib import Path

import numpy as np
import pytest
from claims import read
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from results import newest, percent, runs_of, table_of, trainings_of_fast, trainings_to_63
from scipy.stats import binomtest
from watching import batch_sizes, orders_of_two_epochs

import tellapart
from tellapart.data.sources.catalog import find_known
from tellapart.guide.contents import LESSONS, named
from tellapart.guide.lessons.put_right import CARDS
from tellapart.guide.lessons.put_right_figures import GUESSED_PICTURES, GUESSERS
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn
from tellapart.recipes.build import build_optimizer
from tellapart.recipes.recipes import RECIPES

keras = import_keras()
layers = keras.layers

DOCS = Path(__file__).parents[2] / "docs"
PARITY = (DOCS / "tutorial-parity.md").read_text(encoding="utf-8")
LESSON = named("put-right")
SO = {card["name"]: card["so"] for card in LESSON.facts["cards"]}
BY_NAME = {card.name: card for card in CARDS}


def claim(name):
    return next(one.text for one in read(LESSON).claims if one.name == name)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def unreadable(code, error):
    with pytest.raises(error):
        exec(code, {"keras": keras})


@pytest.mark.proves("count")
def test_the_places_are_counted_and_each_leads_to_a_lesson():
    kinds = [card.kind for card in CARDS]
    counts = (
        r"(\d+) of its statements .*: (\d+) in its text, (\d+) in its program, and (\d+) that are outdated"
    )
    counted = [int(count) for count in re.search(counts, claim("count")).groups()]
    assert counted == [len(CARDS), *(kinds.count(kind) for kind in ("text", "program", "outdated"))]
    assert sum(counted[1:]) == len(CARDS) == 21
    assert {card.page for card in CARDS} <= {lesson.name for lesson in LESSONS}
    assert len({card.name for card in CARDS}) == len(CARDS)
    assert 7 <= sum(card.holds for card in CARDS) <= 14  # guessing does not pay


@pytest.mark.proves("network")
def test_first_cnn_is_the_tutorials_network_and_learns():
    """The layers are those of the table that says what the tutorial has; the curve is that of the results."""
    row = next(line for line in PARITY.splitlines() if line.startswith("| Conv 32"))
    model = first_cnn((32, 32, 3), 10)
    assert f"{model.count_params():,} parameters" in row
    kinds = " ".join(type(layer).__name__ for layer in model.layers[1:])
    block = "Conv2D Activation Conv2D Activation MaxPooling2D Dropout"
    assert kinds == f"{block} {block} Flatten Dense Activation Dropout Dense Activation"
    accuracies = [row[4] for row in table_of("first-cnn")]
    assert accuracies[0] > 0.1
    assert accuracies[-1] > accuracies[0]


@pytest.mark.proves("digits")
def test_no_class_of_cifar10_is_a_digit():
    names = find_known("cifar10").class_names
    assert len(names) == 10
    assert ", ".join(names) in claim("digits")
    digits = find_known("mnist").class_names
    assert not set(digits) & set(names)
    assert not BY_NAME["digits"].holds


@pytest.mark.proves("classes")
def test_ten_classes_are_0_to_9():
    np.testing.assert_array_equal(keras.utils.to_categorical(range(10), 10), np.eye(10))
    with pytest.raises((IndexError, ValueError)):
        keras.utils.to_categorical([10], 10)
    assert len(range(0, 10 + 1)) == 11
    assert first_cnn((16, 16, 1), 10).output_shape == (None, 10)


@pytest.mark.proves("shuffled-test")
def test_training_pictures_are_shuffled_and_test_pictures_are_not():
    x = np.arange(40, dtype="float32")[:, None] / 40
    order = x[:, 0].tolist()
    learned, scored = orders_of_two_epochs(x)
    first, second = learned[:40], learned[40:]
    assert sorted(first) == sorted(second) == order
    assert len({tuple(first), tuple(second), tuple(order)}) == 3
    assert scored == order * 2
    assert "shuffle" not in inspect.signature(keras.Model.evaluate).parameters
    answers, truth = np.random.default_rng(0).integers(0, 10, (2, 1000))
    other = np.random.default_rng(1).permutation(1000)
    assert (answers == truth).mean() == (answers[other] == truth[other]).mean()


@pytest.mark.proves("dropout-weights", "dropout-bias")
def test_dropout_sets_outputs_to_zero_by_chance_and_no_weight():
    dense = layers.Dense(400, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((2,)), dense, layers.Dropout(0.25, seed=3)])
    before = [weight.copy() for weight in model.get_weights()[:2]]
    x = np.ones((1, 2), "float32")
    made = [array(model(x, training=True)) for _ in range(2)]
    assert not np.array_equal(made[0] == 0, made[1] == 0)
    assert 0.15 < (made[0] == 0).mean() < 0.35
    np.testing.assert_allclose(made[0][made[0] != 0], 2 / 0.75, rtol=1e-5)
    for weight, old in zip(model.get_weights(), before, strict=False):
        np.testing.assert_array_equal(weight, old)
    masks = [
        array(layers.Dropout(0.25, seed=3)(np.full((1, 400), value, "float32"), training=True)) == 0
        for value in (1, 7)
    ]
    np.testing.assert_array_equal(*masks)


@pytest.mark.proves("dropout-bias")
def test_class_weight_makes_a_classs_pictures_count_more():
    losses = []
    for weights in (None, {0: 1.0, 1: 5.0}):
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2, "softmax", kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        x = np.ones((4, 3), "float32")
        told = model.fit(x, np.array([1, 1, 1, 1]), class_weight=weights, verbose=0)
        losses.append(told.history["loss"][0])
    assert losses[1] == pytest.approx(5 * losses[0], rel=1e-5)


@pytest.mark.proves("flatten")
def test_flattening_gives_a_row_of_the_same_numbers():
    maps = np.random.default_rng(0).normal(size=(1, 6, 6, 64)).astype("float32")
    row = array(layers.Flatten()(maps))
    assert row.shape == (1, 2304)
    np.testing.assert_array_equal(row[0], maps.ravel())
    flatten = next(one for one in first_cnn((32, 32, 3), 10).layers if isinstance(one, layers.Flatten))
    assert flatten.input.shape == (None, 6, 6, 64)
    assert "6 × 6 × 64" in claim("flatten")
    assert f"{flatten.output.shape[1]:,} of them" in claim("flatten")


@pytest.mark.proves("relu")
def test_relu_gives_zero_or_the_number():
    x = np.array([-3, -0.001, 0, 0.5, 5], "float32")
    np.testing.assert_array_equal(array(layers.Activation("relu")(x)), [0, 0, 0, 0.5, 5])


@pytest.mark.proves("pooling")
def test_a_lone_large_number_outlives_pooling():
    map_ = np.random.default_rng(0).uniform(0, 1, (1, 8, 8, 1)).astype("float32")
    map_[0, 3, 4, 0] = 100
    pooled = array(layers.MaxPooling2D(2)(map_))
    np.testing.assert_array_equal(pooled[0, ..., 0], map_[0, ..., 0].reshape(4, 2, 4, 2).max((1, 3)))
    assert (pooled == 100).mean() == 4 * (map_ == 100).mean()


@pytest.mark.proves("softmax-sum")
def test_softmax_sums_to_one():
    said = [float(one) for one in re.findall(r"0\.\d\d", BY_NAME["softmax-sum"].says)]
    assert f"add up to {sum(said):.2f}" in claim("softmax-sum")
    assert f"have {1 - max(said):.2f}" in claim("softmax-sum")
    logits = np.random.default_rng(0).normal(0, 5, (100, 10)).astype("float32")
    np.testing.assert_allclose(array(layers.Softmax()(logits)).sum(1), 1, rtol=1e-5)


@pytest.mark.proves("probability")
def test_probability_and_accuracy_differ_in_a_measured_training():
    page = newest("calibration_on_cifar10-*.md")
    row = next(line for line in page.splitlines() if line.startswith("| a training of `fast`")).split("|")
    pictures, confidence, accuracy = row[4].strip(), float(row[8]), float(row[9])
    assert row[2].strip() == "1"  # its answers as they are
    for figure in (percent(confidence), percent(accuracy), f"{pictures} test pictures"):
        assert figure in claim("probability")
    assert accuracy - confidence > 0.1


@pytest.mark.proves("kernel")
def test_a_3_by_3_kernel_stays_so_and_makes_the_map_smaller_without_a_border():
    picture = np.random.default_rng(0).uniform(size=(1, 32, 32, 3)).astype("float32")
    for padding, side in [("valid", 30), ("same", 32)]:
        model = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(4, 3, padding=padding)])
        model.compile("sgd", "mse")
        assert array(model(picture)).shape == (1, side, side, 4)
        model.train_on_batch(picture, np.zeros((1, side, side, 4)))
        assert model.layers[0].kernel.shape[:2] == (3, 3)
    assert "two rows and two columns more" in claim("kernel")
    bordered = np.pad(picture, [(0, 0), (1, 1), (1, 1), (0, 0)])
    valid = layers.Conv2D(4, 3)
    valid.build((None, 34, 34, 3))
    valid.set_weights(model.get_weights())
    np.testing.assert_allclose(array(valid(bordered)), array(model(picture)), atol=1e-5)


@pytest.mark.proves("steps", "question-steps")
def test_steps_per_epoch_is_how_many_batches_an_epoch_has():
    sizes = batch_sizes(50_000, 32)
    assert f"are {len(sizes):,} batches, the last one of {sizes[-1]} pictures" in claim("steps")
    assert set(sizes[:-1]) == {32}
    assert f"{len(sizes) - 1:,} batches of 32 pictures, and one of {sizes[-1]}" in claim("question-steps")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.zeros((3200, 1), "float32")
    model.fit(x, x, batch_size=32, steps_per_epoch=7, epochs=3, verbose=0)
    assert int(model.optimizer.iterations) == 3 * 7


@pytest.mark.proves("validation")
def test_the_best_of_many_guessers_looks_better_than_it_is():
    """Beyond what chance alone gives a single one of them; and quick chooses elsewhere."""
    told = [float(one) / 100 for one in re.findall(r"([\d.]+)%", claim("validation"))]
    chosen, anew = told
    alone = binomtest(round(chosen * GUESSED_PICTURES), GUESSED_PICTURES, 0.1, alternative="greater").pvalue
    assert alone < 0.05
    assert binomtest(round(anew * GUESSED_PICTURES), GUESSED_PICTURES, 0.1).pvalue > 0.05
    random = np.random.default_rng(1)
    best = [random.binomial(GUESSED_PICTURES, 0.1, GUESSERS).max() / GUESSED_PICTURES for _ in range(500)]
    assert np.quantile(best, 0.001) <= chosen <= np.quantile(best, 0.999)
    assert f"Of {GUESSERS} random guessers on {GUESSED_PICTURES:,} pictures" in claim("validation")
    run = RECIPES["quick"]()
    assert (run.validation, run.keep) == ("held out", "best")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("put-right") / "run"
    return tellapart.train("digits", recipe="quick", epochs=1, out=out)


@pytest.mark.proves("predictions")
def test_twenty_predictions_are_made(trained):
    assert {recipe().predictions for recipe in RECIPES.values()} == {20}
    assert (trained.folder / "predictions.png").stat().st_size > 10_000
    assert len(trained.shown) == 20
    for one in trained.shown:
        assert one.is_correct == (one.prediction.names[0] == one.target)
        assert 0 < one.prediction.probabilities[0] <= 1
    assert "announces 20 predictions and never makes them" in PARITY


@pytest.mark.proves("last-epoch")
def test_the_last_epoch_is_not_the_highest():
    accuracies = [row[4] for row in table_of("first-cnn")]
    assert accuracies[-1] < max(accuracies)
    for figure in (percent(accuracies[-1]), percent(max(accuracies)), f"last of {len(accuracies)} epochs"):
        assert figure in claim("last-epoch")
    assert (RECIPES["first-cnn"]().keep, RECIPES["quick"]().keep) == ("last", "best")


@pytest.mark.proves("last-epoch")
def test_model_checkpoint_keeps_the_best_epoch(tmp_path):
    """Validation is perfect at the start, and each epoch makes it worse."""
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.layers[0].set_weights([np.zeros((1, 1), "float32")])
    x = np.ones((8, 1), "float32")
    place = tmp_path / "best.keras"
    kept = keras.callbacks.ModelCheckpoint(place, save_best_only=True, monitor="val_loss")
    told = model.fit(x, x, epochs=5, validation_data=(x, 0 * x), callbacks=[kept], verbose=0)
    assert np.argmin(told.history["val_loss"]) == 0
    best = keras.models.load_model(place)
    assert best.evaluate(x, 0 * x, verbose=0) == pytest.approx(told.history["val_loss"][0])
    assert model.evaluate(x, 0 * x, verbose=0) > told.history["val_loss"][0]


@pytest.mark.proves("divide-twice", "question-twice")
def test_dividing_twice_makes_white_nearly_black():
    pixels = np.array([0, 128, 255], "float32")
    for _ in range(2):
        pixels = pixels / 255
    assert f"brightest pixel is {pixels.max():.4f} instead of 1" in claim("divide-twice")
    assert f"1 / 255 is {pixels.max():.4f}" in claim("question-twice")
    model = keras.Sequential([keras.Input((1,)), layers.Rescaling(1 / 255)])
    for _ in range(2):
        assert array(model(np.full((1, 1), 255.0, "float32")))[0, 0] == pytest.approx(1)


@pytest.mark.proves("one-figure")
def test_63_percent_has_an_interval_and_seeds_differ():
    interval = binomtest(6_300, 10_000).proportion_ci(method="wilson")
    assert f"from {percent(interval.low)} to {percent(interval.high)}" in claim("one-figure")
    found = [one["with views"] for one in trainings_of_fast()]
    assert len(set(found)) > 1
    for figure in (f"{len(found)} training runs", percent(min(found)), percent(max(found))):
        assert figure in claim("one-figure")


@pytest.mark.proves("decay")
def test_the_rate_after_200_epochs():
    run = RECIPES["first-cnn"]()
    steps = -(-50_000 // run.batch_size)
    schedule = build_optimizer(run.optimizer, run.epochs * steps)._learning_rate
    left = float(schedule(run.epochs * steps)) / float(schedule(0))
    assert f"{run.epochs} epochs of {steps:,} steps the rate is {percent(left, 0)}" in claim("decay")
    assert left > 0.7


@pytest.mark.proves("datagen-fit")
def test_datagen_fit_changes_no_picture():
    tutorial = RECIPES["first-cnn"]().augmentation
    switches = {
        name: value
        for name, value in dataclasses.asdict(tutorial).items()
        if name in inspect.signature(ImageDataGenerator).parameters
    }
    assert switches["width_shift_range"] == switches["height_shift_range"] == 0.1
    pictures = np.random.default_rng(0).uniform(0, 1, (8, 12, 12, 3))
    made = []
    for fits in (False, True):
        generator = ImageDataGenerator(**switches, data_format="channels_last")
        if fits:
            generator.fit(pictures)
        flow = generator.flow(pictures, np.arange(8), batch_size=4, seed=5)
        made.append(np.concatenate([next(flow)[0] for _ in range(4)]))
    np.testing.assert_array_equal(*made)
    averaged = ImageDataGenerator(featurewise_center=True, data_format="channels_last")
    averaged.fit(pictures)  # what the call is for
    assert averaged.mean is not None


@pytest.mark.proves("hours")
def test_the_minutes_are_those_of_the_results():
    seconds = [one["whole command s"] for one in trainings_to_63()]
    assert min(one["test accuracy"] for one in trainings_to_63()) > 0.63
    assert f"in {statistics.median(seconds):.0f} seconds (median of {len(seconds)})" in claim("hours")
    assert max(seconds) < 60
    runs = trainings_of_fast()
    median = statistics.median(one["seconds"] for one in runs) / 60
    mean = statistics.mean(one["with views"] for one in runs)
    assert f"took {median:.0f} minutes (median of {len(runs)}) for {percent(mean)}" in claim("hours")
    for kind in ("cold_start", "cifar10_to_94"):
        hardware = runs_of(kind)["hardware"]
        assert "Xeon" in hardware["processor"]
        assert hardware["physical_cores"] == 2


@pytest.mark.proves("calls")
def test_todays_keras_has_not_those_calls():
    unreadable("keras.optimizers.RMSprop(lr=0.0001)", ValueError)
    with pytest.warns(UserWarning, match="decay"):
        ignored = keras.optimizers.RMSprop(learning_rate=1e-4, decay=1e-6)
    assert float(ignored.learning_rate) == pytest.approx(1e-4)
    assert not callable(ignored._learning_rate)
    unreadable("keras.Model.fit_generator", AttributeError)
    unreadable("from keras.utils import np_utils", ImportError)
    unreadable("keras.optimizers.rmsprop", AttributeError)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-6)
        keras.optimizers.RMSprop(learning_rate=rate)
    notebook = (DOCS / "tutorial.ipynb").read_text(encoding="utf-8")
    assert all(name in notebook for name in ("lr=", "decay=", "fit_generator", "np_utils", "rmsprop"))
    assert callable(keras.Model.fit)
    assert callable(keras.utils.to_categorical)


def test_the_cards_figures_are_filled_in():
    assert set(SO) == set(BY_NAME)
    assert not any("{" in text for text in SO.values())
