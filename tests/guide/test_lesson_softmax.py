"""The sentences of the guide's page on softmax and on what 98% means."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.special import softmax as by_scipy
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score

from tellapart.guide.contents import named
from tellapart.guide.lessons import _digits_training as few_digits
from tellapart.guide.lessons import softmax as making
from tellapart.keras_backend import import_keras
from tellapart.metrics.calibration import reliability, tempered
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

FACTS = named("softmax").facts
LOGITS = np.random.default_rng(0).normal(0, 3, (50, 4)).astype(np.float32)
PUBLISHED = FACTS["published"]


def softmax(logits):
    return keras.ops.convert_to_numpy(keras.ops.softmax(np.asarray(logits, np.float32)))


def bins(when):
    return [one for one in FACTS["digits"][when]["bins"] if one["answers"]]


@pytest.fixture(scope="module")
def first():
    """The answers of the first network, trained anew."""
    return making.answers_of(0)


@pytest.mark.proves("logits")
def test_the_last_dense_layer_gives_any_number_for_each_class():
    keras.utils.set_random_seed(0)
    model = first_cnn((32, 32, 3), 10)
    assert type(model.layers[-1]).__name__ == "Activation"
    pictures = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype(np.float32)
    dense = model.layers[-2]
    dense.set_weights([100 * dense.get_weights()[0], dense.get_weights()[1]])
    given = keras.ops.convert_to_numpy(keras.Model(model.inputs[0], dense.output)(pictures))
    assert given.shape == (4, 10)
    assert given.min() < 0
    assert given.max() > 1


@pytest.mark.proves("tutorial")
def test_the_tutorials_network_ends_in_ten_logits_and_softmax():
    dense, last = first_cnn((32, 32, 3), 10).layers[-2:]
    assert (type(dense).__name__, dense.units, dense.activation.__name__) == ("Dense", 10, "linear")
    assert (type(last).__name__, last.activation.__name__) == ("Activation", "softmax")


@pytest.mark.proves("shares", "sum")
def test_softmax_makes_shares_of_powers_of_e():
    powers = 2.718**LOGITS
    np.testing.assert_allclose(softmax(LOGITS), powers / powers.sum(1, keepdims=True), atol=1e-3)
    np.testing.assert_allclose(softmax(LOGITS), by_scipy(LOGITS, axis=1), atol=1e-6)
    assert (softmax(LOGITS) > 0).all()
    np.testing.assert_allclose(softmax(LOGITS).sum(1), 1, atol=1e-6)


@pytest.mark.proves("order", "temperature")
@pytest.mark.parametrize("temperature", [0.2, 0.5, 2, 5])
def test_a_temperature_keeps_the_order_and_moves_shares_together_or_apart(temperature):
    given = by_scipy(LOGITS.astype(np.float64), axis=1)
    np.testing.assert_array_equal(given.argsort(1), LOGITS.argsort(1))
    after = by_scipy(LOGITS.astype(np.float64) / temperature, axis=1)
    np.testing.assert_allclose(tempered(given, temperature), after, atol=1e-9)
    np.testing.assert_array_equal(after.argsort(1), LOGITS.argsort(1))
    apart = (after.max(1) - after.min(1)) - (given.max(1) - given.min(1))
    assert ((apart < 0) if temperature > 1 else (apart > 0)).all()


@pytest.mark.proves("differences", "one-more")
def test_only_differences_of_logits_count():
    for added in (-5, 0.5, 100):
        np.testing.assert_allclose(softmax(LOGITS + added), softmax(LOGITS), atol=1e-5)
    shares = softmax([[1.7, 0.7, -3], [-2, -3, 4]])
    np.testing.assert_allclose(shares[:, 0] / shares[:, 1], 2.718, atol=1e-3)


@pytest.mark.proves("not-of-one", "sigmoids")
def test_outputs_that_sum_to_more_than_one_are_sigmoids_perhaps_but_not_softmaxs():
    outputs = np.array([0.98, 0.70, 0.56])
    assert outputs.sum() == pytest.approx(2.24)
    assert softmax(LOGITS).sum(1).max() < 1.01
    numbers = logit(outputs)
    given = keras.ops.convert_to_numpy(keras.ops.sigmoid(numbers.astype(np.float32)))
    np.testing.assert_allclose(given, outputs, atol=1e-6)
    other = keras.ops.convert_to_numpy(keras.ops.sigmoid(np.array([numbers[0], 9, 9], np.float32)))
    assert other[0] == pytest.approx(expit(numbers[0]), abs=1e-6)


@pytest.mark.proves("accuracy")
def test_accuracy_is_counted_over_pictures_whatever_the_probabilities():
    truth, given = np.array([0, 1, 1]), np.array([[0.98, 0.02], [0.7, 0.3], [0.44, 0.56]])
    metric = keras.metrics.SparseCategoricalAccuracy()
    metric.update_state(truth, given)
    assert float(metric.result()) == pytest.approx(accuracy_score(truth, given.argmax(1)))
    for one, label in zip(given, truth, strict=True):
        metric.reset_state()
        metric.update_state(label[None], one[None])
        assert float(metric.result()) in (0, 1)


@pytest.mark.proves("question")
@pytest.mark.parametrize(
    ("outputs", "can"), [((0.98, 0.7, 0.56), False), ((0.9, 0.08, 0.02), True), ((1.2, -0.1, -0.1), False)]
)
def test_which_outputs_softmax_can_give(outputs, can):
    with np.errstate(invalid="ignore"):
        back = softmax(np.log(np.array(outputs)))  # of shares, their logarithms are logits
    assert np.allclose(back, outputs, atol=1e-6) == can


@pytest.mark.proves("meaning", "question-count")
def test_answers_that_are_right_as_often_as_they_are_sure_are_right_in_98_of_100():
    random, n = np.random.default_rng(0), 100_000
    given = np.tile([[0.98, 0.02]], (n, 1))
    labels = (random.uniform(size=n) >= 0.98).astype(np.int64)
    found = [one for one in reliability(given, labels) if one.answers]
    assert len(found) == 1
    assert 100 * found[0].accuracy == pytest.approx(98, abs=0.2)
    assert 200 * found[0].confidence == pytest.approx(196)


@pytest.mark.proves("near-98", "too-sure", "fitted", "same-answers")
def test_the_networks_are_those_of_the_lesson_on_overfitting(first):
    judged = named("dropout").facts["scores"]["plain"]
    assert [one["accuracy"] for one in FACTS["networks"]] == [one["accuracy"] for one in judged]
    assert all(one["train_accuracy"] == 1 for one in judged)
    assert FACTS["digits"]["before"]["answers"] == sum(one["answers"] for one in FACTS["networks"]) == 10_970
    kept, made = FACTS["networks"][0], making.judged(first["before"], first["labels"])
    assert made == pytest.approx(kept, abs=0.02)
    assert first["temperature"] == pytest.approx(FACTS["temperatures"][0], rel=0.1)


@pytest.mark.proves("near-98", "too-sure")
def test_sure_answers_are_right_less_often_than_they_say(first):
    told = FACTS["digits"]["before"]
    sure, right = first["before"].max(1), first["before"].argmax(1) == first["labels"]
    near = (sure >= 0.975) & (sure < 0.985)
    assert making.pooled([first], "before")["near_98"] == {"answers": near.sum(), "right": right[near].sum()}
    assert right[near].mean() < 0.95
    assert sure.mean() > right.mean() + 0.03
    assert told["near_98"]["right"] / told["near_98"]["answers"] < 0.95
    for what in ("confidence", "accuracy"):
        networks = [one[what] for one in FACTS["networks"]]
        by_bins = sum(one["answers"] * one[what] for one in told["bins"]) / told["answers"]
        assert told[what] == pytest.approx(np.mean(networks), abs=2e-5)
        assert told[what] == pytest.approx(by_bins, abs=2e-5)
    assert told["confidence"] > told["accuracy"]


@pytest.mark.proves("fitted")
def test_the_temperature_is_found_on_digits_that_neither_taught_nor_judge(first):
    splits = few_digits.split_digits(0)
    assert len(splits["validation"].labels) == 300
    kept = few_digits.trained(0).probabilities[-1]["validation"]
    losses = {
        temperature: -np.log(tempered(kept, temperature)[np.arange(300), splits["validation"].labels]).mean()
        for temperature in (first["temperature"] / 1.2, first["temperature"], first["temperature"] * 1.2)
    }
    assert min(losses, key=losses.get) == first["temperature"]
    assert len(FACTS["temperatures"]) == FACTS["seeds"] == 10
    before, after = (FACTS["digits"][when]["error"] for when in ("before", "after"))
    assert after < before / 2


@pytest.mark.proves("same-answers")
def test_a_temperature_changes_no_answer(first):
    np.testing.assert_array_equal(first["before"].argmax(1), first["after"].argmax(1))
    assert FACTS["digits"]["before"]["accuracy"] == FACTS["digits"]["after"]["accuracy"]


@pytest.mark.proves("before-after", "near-98-after")
def test_the_distance_between_sure_and_right_falls(first):
    assert all(one["accuracy"] < one["confidence"] for one in bins("before"))
    for when in ("before", "after"):
        told = FACTS["digits"][when]
        apart = sum(one["answers"] * abs(one["accuracy"] - one["confidence"]) for one in told["bins"])
        assert told["error"] == pytest.approx(apart / told["answers"], abs=2e-5)
        sure, right = first[when].max(1), first[when].argmax(1) == first["labels"]
        shares, means = calibration_curve(right, sure, n_bins=making.BINS)
        found = [one for one in making.pooled([first], when)["bins"] if one["answers"]]
        np.testing.assert_allclose([one["accuracy"] for one in found], shares, atol=1e-5)
        np.testing.assert_allclose([one["confidence"] for one in found], means, atol=1e-5)
    sure, right = first["after"].max(1), first["after"].argmax(1) == first["labels"]
    near = (sure >= 0.975) & (sure < 0.985)
    assert making.pooled([first], "after")["near_98"] == {"answers": near.sum(), "right": right[near].sum()}
    assert right[near].mean() > 0.95


@pytest.mark.proves("too-modest", "published-after", "published-sure", "source")
def test_the_figures_of_cifar10_are_those_of_the_file():
    path = Path(__file__).parents[2] / "benchmarks" / "results" / PUBLISHED["file"]
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| the one that comes along")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]
    before, after = (
        next(row for row in cells if row[1] == one) for one in ("1", str(PUBLISHED["temperature"]))
    )
    for row, kept in ((before, PUBLISHED["before"]), (after, PUBLISHED["after"])):
        assert row[3] == f"{PUBLISHED['pictures']:,}" == "10,000"
        assert float(row[7]) == kept["confidence"]
        assert float(row[8]) == kept["accuracy"]
    assert after[2] == f"{PUBLISHED['fitted_on']:,}"
    sure = next(row for row in cells if row[1] == "0.95")
    assert [int(sure[3]), float(sure[4])] == [PUBLISHED["sure"]["answers"], PUBLISHED["sure"]["accuracy"]]
    assert PUBLISHED["before"]["confidence"] < PUBLISHED["before"]["accuracy"]
    assert json.loads(path.read_text(encoding="utf-8"))["models"][1]["errors"][0]["model"] == making.SHIPPED


@pytest.mark.proves("too-modest", "published-after")
def test_the_model_that_comes_along_has_that_temperature():
    import tellapart

    assert tellapart.load("cifar10").card.temperature == pytest.approx(PUBLISHED["temperature"], abs=5e-4)
