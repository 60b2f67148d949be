"""The sentences of the guide's page on gradient descent."""

import itertools

import numpy as np
import pytest
import torch

from tellapart.data.sampler import BatchSampler
from tellapart.guide.contents import named
from tellapart.guide.lessons import descent as making
from tellapart.guide.lessons._optimizer_paths import LANDSCAPES, OPTIMIZERS, walk
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn
from tellapart.training.optim.muon import MuonOptimizer, Rates, orthogonal

keras = import_keras()

START = (-1.8, 1.2)


def places(optimizer, landscape, rate, steps, start=START, batch=None):
    return np.array(list(walk(optimizer, landscape, start, rate, steps, batch)))


def slopes(landscape, x, y):
    """By differences of the loss, to about 1e-8."""
    loss, little = LANDSCAPES[landscape], 1e-5
    return np.array(
        [
            (loss(x + little, y) - loss(x - little, y)) / (2 * little),
            (loss(x, y + little) - loss(x, y - little)) / (2 * little),
        ]
    )


def on_the_parabola(rate, steps, start=2.0):
    """Where Keras's SGD steps to on the curve weight²."""
    weight = keras.Variable([start], dtype="float64")
    optimizer = keras.optimizers.SGD(rate)
    found = [start]
    for _ in range(steps):
        optimizer.apply([2 * weight.value.detach()], [weight])
        found.append(float(weight.value.detach()[0]))
    return np.array(found)


@pytest.mark.proves("slope", "gradient", "against")
def test_every_weight_has_a_slope_and_a_step_against_them_makes_the_loss_smaller():
    keras.utils.set_random_seed(0)
    model = first_cnn((16, 16, 1), 2)
    weights = [weight.value for weight in model.trainable_variables]
    images = torch.rand((4, 16, 16, 1), generator=torch.Generator().manual_seed(0)) * 255
    truth = torch.tensor([0, 1, 1, 0])

    def loss():
        return torch.nn.functional.nll_loss(model(images, training=False).log(), truth)

    gradient = torch.autograd.grad(loss(), weights)
    assert sum(part.numel() for part in gradient) == sum(weight.numel() for weight in weights)
    before, bias, little = float(loss().detach()), weights[-1], 1e-3
    with torch.no_grad():
        bias[0] += little
        assert (float(loss()) - before) / little == pytest.approx(float(gradient[-1][0]), abs=2e-3)
        bias[0] -= little
        for weight, part in zip(weights, gradient, strict=True):
            weight -= 1e-4 * part
        assert float(loss()) < before


@pytest.mark.proves("rule", "sgd", "question-step")
def test_the_rule_is_that_of_keras():
    weight = keras.Variable([3.0])
    keras.optimizers.SGD(0.1).apply([torch.tensor([4.0])], [weight])
    assert float(weight.value.detach()[0]) == pytest.approx(3 - 0.1 * 4) == pytest.approx(2.6)
    first, second = places("sgd", "valley", 0.03, 1)
    np.testing.assert_allclose(second, first - 0.03 * slopes("valley", *START), atol=1e-6)


@pytest.mark.proves("small", "half", "large")
def test_a_rate_may_be_too_small_or_too_large():
    assert round(on_the_parabola(0.01, 10)[-1], 2) == 1.63
    assert on_the_parabola(0.5, 1)[-1] == pytest.approx(0)
    np.testing.assert_allclose(on_the_parabola(1.0, 50), 2.0 * (-1.0) ** np.arange(51))
    for rate in (1.01, 1.1):
        assert (np.diff(np.abs(on_the_parabola(rate, 50))) > 0).all()
    for rate in (0.99, 0.9):
        assert (np.diff(np.abs(on_the_parabola(rate, 50))) < 0).all()


@pytest.mark.proves("landscapes", "saddle")
def test_the_landscapes_have_the_forms_that_are_said():
    valley, saddle = LANDSCAPES["valley"], LANDSCAPES["saddle"]
    for x, y in [(1.0, 2.0), (-1.8, 0.3)]:
        assert valley(x, y) == pytest.approx(x**2 / 2 + 10 * y**2)
        assert saddle(x, y) == (x**2 - 1) ** 2 + 2 * y**2
    assert slopes("valley", 0, 1)[1] == pytest.approx(20 * slopes("valley", 1, 0)[0])
    for hollow in (-1, 1):
        np.testing.assert_allclose(slopes("saddle", hollow, 0), 0, atol=1e-8)
        around = [saddle(hollow + x, y) for x in (-0.1, 0, 0.1) for y in (-0.1, 0, 0.1)]
        assert min(around) == around[4]
    np.testing.assert_allclose(slopes("saddle", 0, 0), 0, atol=1e-8)
    assert saddle(0.1, 0) < saddle(0, 0) < saddle(0, 0.1)


@pytest.mark.proves("sgd-leaves")
def test_gradient_descent_leaves_the_valley_above_a_tenth_because_of_y():
    for rate in (0.101, 0.12, 1.0):
        distance = np.abs(places("sgd", "valley", rate, 60))
        assert (np.diff(distance[:, 1]) > 0).all()
        assert (np.diff(distance[:, 0]) <= 0).all()
    assert (np.diff(np.abs(places("sgd", "valley", 0.099, 60)[:, 1])) < 0).all()


@pytest.mark.proves("momentum", "momentum-faster")
def test_momentum_keeps_nine_tenths_of_the_last_step():
    found = places("momentum", "valley", 0.02, 100)
    steps = np.diff(found, axis=0)
    for at in range(1, 20):
        own = -0.02 * slopes("valley", *found[at])
        np.testing.assert_allclose(steps[at], 0.9 * steps[at - 1] + own, atol=1e-6)
    assert LANDSCAPES["valley"](*found[-1]) < LANDSCAPES["valley"](*places("sgd", "valley", 0.02, 100)[-1])


@pytest.mark.proves("rmsprop", "rmsprop-even")
def test_rmsprop_divides_each_slope_by_the_root_of_its_mean_square():
    found = places("rmsprop", "valley", 0.02, 20)
    squares = np.zeros(2)
    for place, after in itertools.pairwise(found):
        slope = slopes("valley", *place)
        squares = 0.9 * squares + 0.1 * slope**2
        np.testing.assert_allclose(after - place, -0.02 * slope / np.sqrt(squares + 1e-7), atol=1e-5)
    flat, steep = np.abs(found[1] - found[0])
    assert abs(slopes("valley", *START)[1]) > 10 * abs(slopes("valley", *START)[0])
    assert flat == pytest.approx(steep, rel=1e-6)


@pytest.mark.proves("adam")
@pytest.mark.parametrize("start", [START, (0.3, -2.0), (2.0, 0.01)])
def test_adams_first_step_is_the_rate_and_later_ones_follow_a_mean(start):
    found = places("adam", "valley", 0.02, 15, start)
    np.testing.assert_allclose(np.abs(found[1] - found[0]), 0.02, rtol=1e-4)
    mean, square = np.zeros(2), np.zeros(2)
    for step, (place, after) in enumerate(itertools.pairwise(found), 1):
        slope = slopes("valley", *place)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        wanted = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-7)
        np.testing.assert_allclose(after - place, -0.02 * wanted, atol=1e-5)


@pytest.mark.proves("muon-length")
def test_a_row_of_two_slopes_loses_its_length_and_keeps_its_direction():
    random = np.random.default_rng(0)
    for size in 10.0 ** random.uniform(-3, 4, 400):
        slope = random.normal(size=2) * size
        found = orthogonal(torch.tensor(slope[None])).numpy()[0]
        assert 0.67 <= np.linalg.norm(found) <= 0.81
        assert making.angle(slope, found) < 2
    for landscape in LANDSCAPES:
        lengths = np.linalg.norm(np.diff(places("muon", landscape, 0.05, 60), axis=0), axis=1)
        assert ((lengths >= 0.67 * 0.05) & (lengths <= 0.81 * 0.05)).all()


@pytest.mark.proves("muon-rest")
def test_muon_does_not_come_to_rest_at_an_even_rate():
    for landscape in LANDSCAPES:
        late = np.linalg.norm(np.diff(places("muon", landscape, 0.05, 200), axis=0), axis=1)[-50:]
        assert late.min() > 0.67 * 0.05
        assert np.linalg.norm(np.diff(places("rmsprop", "valley", 0.05, 60), axis=0)[-1]) < 1e-3


@pytest.mark.proves("muon-matrix")
def test_of_a_whole_matrix_muon_brings_the_strengths_near_one():
    matrix = torch.randn((16, 64), generator=torch.Generator().manual_seed(0))
    matrix *= torch.linspace(0.2, 1, 16)[:, None]
    before, after = torch.linalg.svdvals(matrix), torch.linalg.svdvals(orthogonal(matrix))
    assert before.max() / before.min() > 4
    assert after.max() / after.min() < 2
    assert 0.5 < after.min() < after.max() < 1.5


@pytest.mark.proves("muon-here")
def test_tellaparts_muon_brings_each_bank_of_filters_to_one_length():
    random = torch.Generator().manual_seed(0)
    bank = keras.Variable(torch.randn((3, 3, 4, 8), generator=random) * 7)
    rates = Rates(0.0, 0.6, biases=0, head=0, weight_decay=0, steps=10, whitening_steps=1)
    MuonOptimizer(keras.optimizers.SGD(0.1, 0.9), [bank], rates, 1).apply([[torch.ones(bank.shape)]])
    assert float(bank.value.detach().norm()) == pytest.approx(8**0.5, rel=1e-5)
    found = places("muon", "valley", 1e-6, 2)
    np.testing.assert_allclose(found, [START] * 3, atol=1e-5)


@pytest.mark.proves("stochastic")
def test_a_step_takes_its_pictures_by_chance():
    batches = BatchSampler(n=1797, batch_size=32, seed=0)
    rows = batches.rows(0, 0)
    assert len(set(rows)) == 32
    assert not np.array_equal(rows, np.arange(32))
    assert not np.array_equal(rows, BatchSampler(n=1797, batch_size=32, seed=1).rows(0, 0))
    slope = making.slope_of_digits()
    assert making.angle(slope(rows), slope(batches.rows(0, 1))) > 10


@pytest.mark.proves("angles")
def test_a_batchs_slope_points_elsewhere_than_that_of_all():
    kept, made = named("descent").facts["angles"], making.angles()
    assert {size: round(angle) for size, angle in made.items()} == {
        int(size): round(angle) for size, angle in kept.items()
    }
    slope = making.slope_of_digits()
    batches = BatchSampler(n=1797, batch_size=599, seed=0)
    parts = [slope(batches.rows(0, step)) for step in range(3)]
    np.testing.assert_allclose(np.mean(parts, 0), slope(np.arange(1797)), atol=1e-5)


@pytest.mark.proves("noise")
def test_the_mean_of_32_strays_a_sixth_as_far():
    assert making.pulls().shape == (1024, 2)
    np.testing.assert_allclose(making.pulls().mean(0), 0, atol=1e-12)
    spread = {size: float(making.noise(size).std()) for size in (1, 32)}
    assert spread[1] / spread[32] == pytest.approx(32**0.5, rel=0.1) == pytest.approx(6, rel=0.1)


@pytest.mark.proves("ridge")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_noise_helps_off_the_ridge(optimizer):
    start = (0.0, 1.2)
    assert (places(optimizer, "saddle", 0.08, 200, start)[:, 0] == 0).all()
    found = places(optimizer, "saddle", 0.08, 200, start, batch=32)
    assert np.abs(found[-20:, 0]).min() > 0.6


@pytest.mark.proves("tutorial", "hardly")
def test_the_tutorials_rate_hardly_decays():
    optimizer = keras.optimizers.RMSprop(keras.optimizers.schedules.InverseTimeDecay(1e-4, 1, 1e-6))
    weight = keras.Variable([1.0])
    optimizer.apply([torch.tensor([1.0])], [weight])
    assert float(optimizer.learning_rate) == pytest.approx(1e-4 / (1 + 1e-6), rel=1e-6)
    assert making.rate_after(312_600) == pytest.approx(1e-4 / (1 + 1e-6 * 312_600), rel=1e-6)
    assert f"{making.rate_after(312_600):.7f}" == "0.0000762"
    assert 200 * making.steps_per_epoch() == 312_600 == named("descent").facts["all_steps"]
    assert making.rate_after(312_600) / 1e-4 > 0.75


@pytest.mark.proves("epoch", "question-epoch")
def test_an_epoch_sees_every_picture_once():
    batches = BatchSampler(n=50_000, batch_size=32, seed=0)
    rows = [batches.rows(0, step) for step in range(batches.steps_per_epoch)]
    assert len(rows) == 1_563
    assert sorted(np.concatenate(rows)) == list(range(50_000))
    assert {len(one) for one in rows[:-1]} == {32}
    assert len(rows[-1]) == 16
    others = BatchSampler(n=50_000, batch_size=64, seed=0)
    assert others.steps_per_epoch == 782
    assert len(others.rows(0, 781)) == 16
    assert len(others.rows(0, 780)) == 64
