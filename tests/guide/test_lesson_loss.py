"""The sentences of the guide's page on loss."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from tellapart.guide.contents import named
from tellapart.guide.lessons import _digits_training as few_digits
from tellapart.guide.lessons import loss as making
from tellapart.guide.lessons.dropout import best_epoch
from tellapart.keras_backend import import_keras
from tellapart.recipes.build import build_model
from tellapart.recipes.recipes import first_cnn
from tellapart.training import loss as engine

keras = import_keras()

FACTS = named("loss").facts
MOVED, APART = FACTS["moved"], FACTS["apart"]
TRUTH = 3


def by_keras(targets, probabilities):
    """Each picture's. (B,)."""
    targets, given = (torch.tensor(np.atleast_2d(one).astype(np.float32)) for one in (targets, probabilities))
    return keras.ops.convert_to_numpy(keras.losses.categorical_crossentropy(targets, given))


def by_tellapart(targets, probabilities):
    targets, given = (torch.tensor(np.atleast_2d(one).astype(np.float32)) for one in (targets, probabilities))
    return engine.categorical_crossentropy(targets, given).numpy()


def answer(probability, classes=10):
    """One-hot targets, and an output that gives the true class this probability, the others equal shares."""
    given = np.full(classes, (1 - probability) / (classes - 1))
    given[TRUTH % classes] = probability
    return np.eye(classes)[TRUTH % classes], given


def costs(probability, classes=10):
    """By Keras and by tellapart."""
    return [float(by(*answer(probability, classes))[0]) for by in (by_keras, by_tellapart)]


@pytest.fixture(scope="module")
def short():
    """The network whose weight is moved."""
    return few_digits.trained(0, epochs=making.EPOCHS)


@pytest.fixture(scope="module")
def long():
    """The training in which loss and accuracy part, made anew."""
    return few_digits.trained(0)


@pytest.mark.proves("loss")
def test_training_makes_the_loss_smaller(short):
    losses = short.loss("train")
    assert (np.diff(losses) < 0).all()
    fresh = few_digits.network(0).get_weights()
    assert any(not np.array_equal(*pair) for pair in zip(fresh, short.model.get_weights(), strict=True))


@pytest.mark.proves("cross-entropy")
@pytest.mark.parametrize("probability", [0.9, 0.5, 0.123, 0.01])
def test_cross_entropy_is_minus_the_logarithm_of_the_truths_probability(probability):
    expected = -np.log(probability)
    assert costs(probability) == pytest.approx([expected, expected], rel=1e-4)
    _, given = answer(probability)
    assert log_loss([TRUTH], given[None], labels=range(10)) == pytest.approx(expected)


@pytest.mark.proves("tutorial")
def test_the_tutorial_asks_for_categorical_crossentropy():
    assert build_model(first_cnn(), (32, 32, 3), 10, 1).loss == "categorical_crossentropy"


@pytest.mark.proves("nothing", "clipped")
def test_certainty_of_the_truth_costs_nothing_and_of_its_opposite_as_much_as_is_allowed():
    assert costs(1) == pytest.approx([0, 0], abs=1e-6)
    assert costs(0) == pytest.approx([16.118, 16.118], abs=5e-4)
    assert costs(1e-12) == costs(0)
    assert keras.config.epsilon() == engine.EPSILON == FACTS["epsilon"] == 0.0000001
    assert keras.backend.backend() == "torch"


@pytest.mark.proves("clipped")
def test_a_training_of_the_tutorials_network_keeps_its_probabilities_from_zero():
    model = build_model(first_cnn(), (32, 32, 3), 10, 1)
    targets, given = (torch.tensor(one[None].astype(np.float32)) for one in answer(0))
    native = engine.loss_of(model, layer_losses=False)
    assert isinstance(native, engine.PerImageLoss)
    assert float(native(None, targets, given, None)) == pytest.approx(16.118, abs=5e-4)
    assert float(model.compute_loss(None, targets, given)) == pytest.approx(16.118, abs=5e-4)


@pytest.mark.proves("halving")
@pytest.mark.parametrize("probability", [1, 0.7, 0.02])
def test_half_the_probability_costs_ln_2_more(probability):
    more = np.subtract(costs(probability / 2), costs(probability))
    assert more == pytest.approx(np.log(2), abs=1e-4)
    assert np.log(2) == pytest.approx(0.693, abs=5e-4)


@pytest.mark.proves("guessing")
def test_guessing_among_ten_costs_ln_10():
    assert costs(0.1) == pytest.approx([2.303] * 2, abs=5e-4)
    assert np.log(10) == pytest.approx(2.303, abs=5e-4)


@pytest.mark.proves("sure-wrong")
def test_a_sure_mistake_costs_ever_more():
    assert costs(0.01) == pytest.approx([4.605] * 2, abs=5e-4)
    assert costs(0.001) == pytest.approx([6.908] * 2, abs=1e-3)
    tiny = 10.0 ** -np.arange(1, 300)
    logits = torch.stack([torch.tensor(np.log(tiny)), torch.zeros(len(tiny))], 1)
    sparse = engine.sparse_categorical_crossentropy_of_logits(torch.zeros(len(tiny)), logits).numpy()
    assert (np.diff(sparse) > 2).all()  # each factor of ten costs 2.303 more, however far it goes


@pytest.mark.proves("rest")
@pytest.mark.parametrize("by", [by_keras, by_tellapart])
def test_how_the_rest_is_shared_makes_no_difference(by):
    targets, alike = answer(0.3)
    for seed in range(5):
        others = np.random.default_rng(seed).dirichlet(np.ones(9)) * 0.7
        assert by(targets, np.insert(others, TRUTH, 0.3)) == pytest.approx(by(targets, alike), rel=1e-4)


@pytest.mark.proves("mean")
def test_the_loss_of_a_batch_is_the_mean(short):
    pictures, given = short.splits["train"], short.probabilities[-1]["train"]
    each = -np.log(given[np.arange(len(given)), pictures.labels])
    assert short.model.evaluate(pictures.images, pictures.labels, verbose=0) == pytest.approx(
        each.mean(), rel=1e-4
    )
    targets = torch.from_numpy(pictures.labels)
    assert short.model.optimizer.iterations == making.EPOCHS * len(given) / few_digits.BATCH
    native = engine.loss_of(short.model, layer_losses=False)
    assert float(native(None, targets, torch.from_numpy(given), None)) == pytest.approx(each.mean(), rel=1e-5)


@pytest.mark.proves("four")
def test_of_the_four_digits_one_is_answered_wrongly(short):
    rows = FACTS["batch"]
    assert [np.argmax(one["probabilities"]) == one["label"] for one in rows] == [True, True, True, False]
    learned = {np.round(one).astype(int).tobytes() for one in short.splits["train"].images}
    for one in rows:
        picture = np.array(one["picture"], np.float32).reshape(1, 8, 8, 1)
        assert np.array(one["picture"]).reshape(8, 8, 1).tobytes() not in learned
        again = keras.ops.convert_to_numpy(short.model(picture, training=False))[0]
        np.testing.assert_allclose(again, one["probabilities"], atol=0.01)  # pixels were rounded
    assert (FACTS["pictures"], FACTS["epochs"], short.epochs) == (len(short.splits["train"].labels), 10, 10)


@pytest.mark.proves("curves")
def test_only_one_weight_is_moved_and_it_is_put_back(short):
    before = [one.copy() for one in short.model.get_weights()]
    place = making.strongest(short)
    assert len(MOVED["weights"]) == len(MOVED["loss"]) == len(MOVED["mistakes"]) == 161
    for at in (0, 77, 160):
        kernel = before[-2].copy()
        kernel[place] = MOVED["weights"][at]
        assert (kernel != before[-2]).sum() == 1
        other = few_digits.network(0)
        other.set_weights([*before[:-2], kernel, before[-1]])
        pictures = short.splits["train"]
        given = other.predict(pictures.images, verbose=0)
        assert log_loss(pictures.labels, given, labels=range(10)) == pytest.approx(
            MOVED["loss"][at], rel=1e-4
        )
        assert (given.argmax(1) != pictures.labels).sum() == MOVED["mistakes"][at]
        assert making.judged_with(short, place, MOVED["weights"][at]) == pytest.approx(
            (MOVED["loss"][at], MOVED["mistakes"][at]), rel=1e-4
        )
    for one, other in zip(before, short.model.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.proves("level", "slopes")
def test_the_count_is_level_where_the_loss_has_a_slope(short):
    first, last = MOVED["level"]
    assert len(set(MOVED["mistakes"][first : last + 1])) == 1
    assert MOVED["mistakes"][first - 1] != MOVED["mistakes"][first]
    assert MOVED["mistakes"][last + 1] != MOVED["mistakes"][last]
    assert MOVED["weights"][first] < MOVED["own"] < MOVED["weights"][last]
    assert (np.diff(MOVED["loss"][first : last + 1]) > 0).all()
    kernel, pictures = making.last_layer(short).kernel.value, short.splits["train"]
    given = short.model(pictures.images, training=False)
    loss = engine.sparse_categorical_crossentropy(torch.from_numpy(pictures.labels), given).mean()
    (gradient,) = torch.autograd.grad(loss, kernel)
    near = int(np.abs(np.array(MOVED["weights"]) - MOVED["own"]).argmin())
    slope = (MOVED["loss"][near + 1] - MOVED["loss"][near - 1]) / (
        MOVED["weights"][near + 1] - MOVED["weights"][near - 1]
    )
    assert float(gradient[making.strongest(short)]) == pytest.approx(slope, rel=0.1)
    assert slope > 0


@pytest.mark.proves("steps")
def test_the_count_changes_seldom_and_the_loss_always():
    assert (np.diff(MOVED["mistakes"]) != 0).sum() == MOVED["changes"] < 20
    assert len(np.diff(MOVED["loss"])) == 160
    assert (np.diff(MOVED["loss"]) != 0).all()


@pytest.mark.proves("two-networks")
def test_more_mistakes_may_cost_less():
    modest, sure = [0.51] * 4, [0.99] * 3 + [0.45]
    for probabilities, mistakes, mean in ((modest, 0, 0.673), (sure, 1, 0.207)):
        assert sum(answer(one, 2)[1].argmax() != TRUTH % 2 for one in probabilities) == mistakes
        for losses in zip(*(costs(one, 2) for one in probabilities), strict=True):
            assert np.mean(losses) == pytest.approx(mean, abs=5e-4)


@pytest.mark.proves("apart", "surer")
def test_in_a_training_made_anew_mistakes_fell_and_their_cost_rose(long):
    early, late = best_epoch(long), long.epochs - 1
    labels = long.splits["test"].labels
    assert APART["pictures"] == len(labels)
    found = {}
    for name, epoch in (("early", early), ("late", late)):
        given = long.probabilities[epoch]["test"].astype(np.float64)
        wrong = given.argmax(1) != labels
        each = -np.log(np.clip(given[np.arange(len(labels)), labels], 1e-7, 1))
        found[name] = {"mistakes": wrong.sum(), "loss": each.mean(), "of_wrong": each[wrong].mean()}
        assert APART[name]["epoch"] == pytest.approx(epoch + 1, abs=5)
        for what, value in found[name].items():
            assert APART[name][what] == pytest.approx(value, rel=0.1)
    for told in (found, APART):
        assert told["late"]["mistakes"] < told["early"]["mistakes"]
        assert told["late"]["loss"] > told["early"]["loss"]
        assert told["late"]["of_wrong"] > told["early"]["of_wrong"]


@pytest.mark.proves("question", "question-equal")
def test_the_answers_to_the_questions():
    half, quarter = costs(0.5), costs(0.25)
    assert half == pytest.approx([0.693] * 2, abs=5e-4)
    assert quarter == pytest.approx([1.386] * 2, abs=5e-4)
    assert np.add(half, quarter) / 2 == pytest.approx(1.040, abs=5e-4)
    assert costs(0.6) == pytest.approx([0.511] * 2, abs=5e-4)
    assert costs(0.9) == pytest.approx([0.105] * 2, abs=5e-4)
    assert answer(0.6)[1].argmax() == answer(0.9)[1].argmax() == TRUTH
