"""The sentences of the guide's page on dropout."""

import numpy as np
import pytest
import torch

from tellapart.data.augmentation.shift_flip import draw
from tellapart.guide.contents import named
from tellapart.guide.lessons import _digits_training as few_digits
from tellapart.guide.lessons import dropout as making
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.ops.dropout import drop
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

FACTS = named("dropout").facts
SCORES, SUMMARY = FACTS["scores"], FACTS["summary"]
ROWS = ["plain", "quarter", "half", "stopped", "shifted", "more"]

SHARE_ELSEWHERE, LOSS_ELSEWHERE, RARE_ELSEWHERE = 0.02, 0.1, 0.05
"""Tolerances for trainings repeated on another processor: of a share, of a loss (relative), and of the eights' recall,
of which there are about a hundred."""


def column(name, what):
    return np.array([one[what] for one in SCORES[name]])


def curves(rate, what):
    """(seeds, epochs drawn)."""
    return np.array([one[what] for one in FACTS["curves"][rate]])


def dropped_by_keras(values, rate, training=True):
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dropout(rate)
    return keras.ops.convert_to_numpy(layer(np.asarray(values, np.float32), training=training))


@pytest.fixture(scope="module")
def plain():
    """The first of the ten trainings without Dropout, trained anew."""
    return few_digits.trained(0)


@pytest.mark.proves("trainings")
def test_the_network_and_its_digits_are_as_described():
    splits = few_digits.split_digits(3)
    assert FACTS["seeds"] == len(SCORES["plain"]) == len(FACTS["curves"]["0.5"]) == 10
    assert {name: len(one.labels) for name, one in splits.items()} == {
        name: FACTS["images"][name] for name in splits
    }
    keys = [{image.tobytes() for image in one.images} for one in splits.values()]
    assert keys[0].isdisjoint(keys[1])
    assert keys[0].isdisjoint(keys[2])
    assert keys[1].isdisjoint(keys[2])
    other = few_digits.split_digits(4)["train"]
    assert not np.array_equal(splits["train"].images, other.images)
    weights = [few_digits.network(seed).get_weights()[0] for seed in (3, 4)]
    assert not np.array_equal(*weights)
    dense = [one for one in few_digits.network(0).layers if isinstance(one, keras.layers.Dense)]
    assert [one.units for one in dense] == [FACTS["width"], FACTS["width"], 10]
    assert column("plain", "epoch").tolist() == [FACTS["epochs"]] * 10


@pytest.mark.proves("overfitting", "by-heart", "turns")
def test_a_training_made_anew_learns_by_heart_and_gets_worse_on_others(plain):
    learned, test = plain.loss("train"), plain.loss("test")
    best = making.best_epoch(plain)
    assert learned[-1] < learned[best] < learned[0]
    assert test[-1] > test[best] < test[0]
    assert plain.accuracy("train")[-1] == 1
    assert plain.accuracy("test")[-1] == pytest.approx(SCORES["plain"][0]["accuracy"], abs=0.01)
    assert test[-1] == pytest.approx(SCORES["plain"][0]["loss"], rel=0.1)


def test_the_summary_is_of_the_kept_trainings():
    assert making.summary(SCORES, FACTS["curves"]["0.0"], FACTS["rare"]) == SUMMARY


def assert_comes_out_again(training, epoch, name):
    """What is kept of the first training of a kind is what it gives."""
    again, kept = making.score(training, epoch), SCORES[name][0]
    for what in ("accuracy", "train_accuracy"):
        assert again[what] == pytest.approx(kept[what], abs=SHARE_ELSEWHERE), what
    assert again["loss"] == pytest.approx(kept["loss"], rel=LOSS_ELSEWHERE)


@pytest.mark.proves("plain", "quarter", "half", "shifted", "more")
@pytest.mark.proves("about-as-right", "fewer-right", "less-loss", "shifting", "more-pictures")
@pytest.mark.parametrize("name", making.MEANS)
def test_the_first_training_of_each_kind_comes_out_again(name):
    options = making.MEANS[name]
    training = few_digits.trained(0, **options)
    assert_comes_out_again(training, -1, name)
    if name in ("plain", "quarter", "half"):
        kept = FACTS["curves"][str(options.get("dropped", 0.0))][0]
        for what, values in making.curves_of(training).items():
            assert len(values) == len(kept[what]) == FACTS["epochs"] // FACTS["every"]
            np.testing.assert_allclose(values[:10], kept[what][:10], atol=2e-2)


@pytest.mark.proves("stopped", "stopping")
def test_the_first_stopped_training_comes_out_again(plain):
    assert_comes_out_again(plain, making.best_epoch(plain), "stopped")


@pytest.mark.proves("bias")
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_a_training_with_a_rare_digit_comes_out_again(rate):
    """Uses the seed with the highest recall of eights, so that a recall of zero would fail."""
    seed = int(np.argmax([one["rare"] for one in FACTS["rare"]["0.5"]]))
    again, kept = making.recall_of_rare(seed, rate), FACTS["rare"][str(rate)][seed]
    assert kept["rare"] > RARE_ELSEWHERE
    assert again["rare"] == pytest.approx(kept["rare"], abs=RARE_ELSEWHERE)
    assert again["others"] == pytest.approx(kept["others"], abs=SHARE_ELSEWHERE)


@pytest.mark.proves("by-heart", "others")
def test_training_accuracy_is_1_and_test_accuracy_lower():
    assert (column("plain", "train_accuracy") == 1).all()
    right = column("plain", "accuracy")
    kept = SUMMARY["plain"]["accuracy"]
    assert [kept["mean"], kept["least"], kept["most"]] == pytest.approx(
        [right.mean(), right.min(), right.max()], abs=2e-5
    )
    assert right.max() < 1


@pytest.mark.proves("turns")
def test_the_mean_test_loss_rises_again_while_the_training_loss_falls():
    test, learned = (curves("0.0", f"{split}_loss").mean(0) for split in ("test", "train"))
    lowest = test.argmin()
    assert SUMMARY["best"]["epoch"] == FACTS["every"] * (lowest + 1)
    assert SUMMARY["best"]["loss"] == pytest.approx(test[lowest], abs=1e-4)
    assert test[-1] == pytest.approx(SUMMARY["plain"]["loss"]["mean"], abs=1e-3)
    assert test[-1] > test[lowest]
    assert (np.diff(learned[lowest:]) <= 0).all()
    assert learned[-1] < learned[lowest]


@pytest.mark.proves("epoch")
def test_an_epoch_is_once_through_all_the_digits(plain):
    assert plain.epochs == FACTS["epochs"]
    assert plain.model.optimizer.iterations == plain.epochs * FACTS["images"]["train"] / few_digits.BATCH


@pytest.mark.proves("loss")
def test_the_loss_is_a_number_for_how_wrong_the_answers_are(plain):
    probabilities, labels = plain.probabilities[-1]["test"], plain.splits["test"].labels
    each = few_digits.losses_of(probabilities, labels)
    assert plain.loss("test")[-1] == pytest.approx(each.mean())
    wrong = probabilities.argmax(1) != labels
    assert each[wrong].min() > np.median(each[~wrong])
    better = 0.9 * probabilities + 0.1 * np.eye(10, dtype=np.float32)[labels]
    assert (few_digits.losses_of(better, labels) <= each + 1e-6).all()


@pytest.mark.proves("nothing-dropped")
def test_the_curves_are_of_answers_and_what_keras_prints_is_lower():
    training = few_digits.trained(1, 0.5, epochs=40)
    pictures = training.splits["train"]
    answers = keras.ops.convert_to_numpy(training.model(pictures.images, training=False))
    np.testing.assert_allclose(answers, training.probabilities[-1]["train"], atol=1e-6)
    while_dropping = [
        keras.ops.convert_to_numpy(training.model(pictures.images, training=True)).argmax(1)
        == pictures.labels
        for _ in range(20)
    ]
    assert np.mean(while_dropping) < training.accuracy("train")[-1] - 0.05


@pytest.mark.proves("drop", "mean")
@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
@pytest.mark.parametrize("by", ["Keras", "tellapart"])
def test_dropout_zeroes_a_share_and_scales_the_rest(by, rate):
    values = np.tile(np.array(FACTS["activations"], np.float32), (4000, 1))
    torch.manual_seed(0)
    made = dropped_by_keras(values, rate) if by == "Keras" else drop(torch.from_numpy(values), rate).numpy()
    alive = values > 0
    kept = alive & (made != 0)
    np.testing.assert_allclose(made[kept], values[kept] / (1 - rate), rtol=1e-5)
    n = alive.sum()
    assert abs(1 - kept.sum() / n - rate) < 5 * (rate * (1 - rate) / n) ** 0.5
    assert made.mean() == pytest.approx(values.mean(), rel=0.02)


@pytest.mark.proves("anew")
def test_every_picture_and_every_step_has_its_own_draw():
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dropout(0.5)
    first, second = (keras.ops.convert_to_numpy(layer(np.ones((2, 64)), training=True)) for _ in range(2))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, second)


@pytest.mark.proves("answering", "question-answering")
def test_nothing_is_dropped_in_prediction():
    values = np.array(FACTS["activations"], np.float32)[None]
    assert np.array_equal(dropped_by_keras(values, 0.5, training=False), values)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5)])
    net = lower(model, "float32")
    for _ in range(2):
        assert np.array_equal(net(torch.from_numpy(values)).numpy(), values)


@pytest.mark.proves("activations")
def test_a_dropout_layer_has_no_weights_and_changes_none():
    model = few_digits.network(0, 0.5)
    before = model.get_weights()
    layer = next(one for one in model.layers if isinstance(one, keras.layers.Dropout))
    assert layer.weights == []
    model(few_digits.split_digits(0)["train"].images, training=True)
    for one, other in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert len(before) == len(few_digits.network(0).get_weights())


@pytest.mark.proves("tutorial")
def test_the_tutorial_drops_behind_its_poolings_and_its_wide_layer():
    layers = first_cnn((32, 32, 3), 10).layers
    kinds = [type(one).__name__ for one in layers]
    places = [i for i, kind in enumerate(kinds) if kind == "Dropout"]
    assert [layers[i].rate for i in places] == [0.25, 0.25, 0.5] == FACTS["tutorial"]
    assert [kinds[i - 1] for i in places[:2]] == ["MaxPooling2D", "MaxPooling2D"]
    assert kinds.count("MaxPooling2D") == 2
    assert kinds[places[2] - 2 : places[2]] == ["Dense", "Activation"]
    assert layers[places[2] - 2].units == 512


@pytest.mark.proves("plain", "quarter", "half", "stopped", "shifted", "more")
@pytest.mark.parametrize("what", ["accuracy", "loss"])
@pytest.mark.parametrize("name", ROWS)
def test_the_table_tells_means_and_extremes_of_ten_trainings(name, what):
    values, kept = column(name, what), SUMMARY[name][what]
    assert len(values) == 10
    assert [kept["mean"], kept["least"], kept["most"]] == pytest.approx(
        [values.mean(), values.min(), values.max()], abs=2e-5
    )


@pytest.mark.proves("plain", "quarter", "half")
@pytest.mark.parametrize(("name", "rate"), [("plain", "0.0"), ("quarter", "0.25"), ("half", "0.5")])
def test_the_table_is_where_the_curves_end(name, rate):
    for what in ("accuracy", "loss"):
        np.testing.assert_allclose(curves(rate, f"test_{what}")[:, -1], column(name, what), atol=1e-4)


@pytest.mark.proves("about-as-right")
def test_a_quarter_dropped_leaves_accuracy_about_the_same():
    right = {name: SUMMARY[name]["accuracy"]["mean"] for name in ("plain", "quarter")}
    assert right["quarter"] == pytest.approx(right["plain"], abs=0.005)
    fewer = int((column("quarter", "accuracy") < column("plain", "accuracy")).sum())
    assert (SUMMARY["quarter"]["more_accurate"], fewer) == (4, 6)


@pytest.mark.proves("fewer-right")
def test_half_dropped_lowers_accuracy():
    right = {name: SUMMARY[name]["accuracy"]["mean"] for name in ("plain", "half")}
    assert right["half"] < right["plain"] - 0.005
    assert SUMMARY["half"]["more_accurate"] == 2


@pytest.mark.proves("about-as-right", "fewer-right", "less-loss", "stopping", "shifting", "more-pictures")
@pytest.mark.parametrize("name", ROWS)
def test_what_helped_is_counted_training_by_training(name):
    more_right = int((column(name, "accuracy") > column("plain", "accuracy")).sum())
    less_loss = int((column(name, "loss") < column("plain", "loss")).sum())
    assert SUMMARY[name]["more_accurate"] == more_right
    assert SUMMARY[name]["less_loss"] == less_loss
    if name in ("quarter", "half", "shifted"):
        assert more_right < 5 < less_loss
    if name == "stopped":
        assert less_loss == 10
    if name == "more":
        assert (more_right, less_loss) == (10, 10)
        for what, best in (("accuracy", max), ("loss", min)):
            assert best(ROWS, key=lambda row: SUMMARY[row][what]["mean"]) == "more"


@pytest.mark.proves("stopping")
def test_the_best_epoch_is_chosen_on_validation_digits(plain):
    assert making.best_epoch(plain) == plain.loss("validation").argmin()
    assert making.best_epoch(plain) + 1 == pytest.approx(SCORES["stopped"][0]["epoch"], abs=5)


@pytest.mark.proves("shifted", "shifting")
def test_shifts_are_of_a_pixel_at_most_and_drawn_anew():
    moves = draw(few_digits.shifts(), 1000, 8, 8, torch.Generator().manual_seed(0))
    for shift in (moves.dx, moves.dy):
        assert 0.99 < shift.abs().max() <= 1
        assert abs(shift.mean()) < 0.1
    assert not moves.mirrored.any()
    pictures = few_digits.split_digits(0)["train"]
    batches = few_digits._shifted_batches(pictures, 0)
    passes = [[next(batches) for _ in range(len(pictures.labels) // few_digits.BATCH)] for _ in range(2)]
    for one in passes:
        labels = np.concatenate([labels for _, labels in one])
        assert sorted(labels) == sorted(pictures.labels)
    sums = [sorted(image.sum() for images, _ in one for image in images) for one in passes]
    assert not np.allclose(*sums)


@pytest.mark.proves("more-pictures")
def test_more_pictures_took_as_many_steps():
    options = making.MEANS["more"]
    assert options["train_images"] * options["epochs"] == few_digits.TRAIN_IMAGES * few_digits.EPOCHS


@pytest.mark.proves("bias")
def test_dropout_does_not_help_a_rare_digit():
    learned = few_digits.split_digits(0, rare=True)["train"]
    counts = np.bincount(learned.labels)
    assert (counts[8], len(learned.labels)) == (FACTS["images"]["rare"], 100)
    assert min(np.delete(counts, 8)) > 3 * counts[8]
    recalls = {
        rate: {what: np.array([one[what] for one in rows]) for what in ("rare", "others")}
        for rate, rows in FACTS["rare"].items()
    }
    for rate, by_kind in recalls.items():
        for what, values in by_kind.items():
            assert SUMMARY["rare"][rate][what]["mean"] == pytest.approx(values.mean(), abs=2e-5)
        assert (by_kind["rare"] < by_kind["others"] - 0.3).all()
    assert (recalls["0.5"]["rare"] < recalls["0.0"]["rare"]).all()
    others = [f"{SUMMARY['rare'][rate]['others']['mean']:.1%}" for rate in ("0.0", "0.5")]
    assert others[0] == others[1]  # "either way"


@pytest.mark.proves("question-kept")
def test_what_is_kept_of_three_is_four():
    made = dropped_by_keras(np.full((1, 200), 3.0), 0.25)
    assert sorted(set(made.flatten().tolist())) == pytest.approx([0, 4])
