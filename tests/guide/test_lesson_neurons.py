"""The sentences of the guide's page on neurons and networks."""

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import linprog
from scipy.special import expit
from sklearn.datasets import load_digits

from tellapart.guide.contents import named
from tellapart.guide.lessons import neurons as making
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

FACTS = named("neurons").facts
TRAININGS = FACTS["trainings"]


def neuron(weights, bias, activation="sigmoid"):
    """As Keras has one: (N, numbers) -> (N,)."""
    layer = keras.layers.Dense(1, activation=activation)
    layer.build((None, len(weights)))
    layer.set_weights([np.array(weights, np.float32)[:, None], np.array([bias], np.float32)])
    return lambda numbers: layer(np.asarray(numbers, np.float32)).detach().numpy()[:, 0]


def a_line_parts(points, classes):
    """Whether weights and a bias exist with every sum of one class above 1, and of the other below -1."""
    points, signs = np.asarray(points, float), np.where(np.asarray(classes) == 1, 1, -1)
    rows = -signs[:, None] * np.column_stack([points, np.ones(len(points))])
    result = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    assert result.status in (0, 2)  # solved, or proved to have no solution
    return result.status == 0


@pytest.mark.proves("neuron")
def test_a_neuron_multiplies_each_number_by_its_weight():
    """A number alone, beside a 0, comes out multiplied by its weight; the two together by both."""
    weights = np.array(making.arranged(TRAININGS["good"][-1]["weights"])[0][:, 0])
    points = np.array(FACTS["points"])
    assert points.shape[1] == len(weights) == 2
    alone = [neuron(weights, 0, None)(points * [i == 0, i == 1]) for i in range(2)]
    for i in range(2):
        np.testing.assert_allclose(alone[i], weights[i] * points[:, i], atol=1e-6)
    np.testing.assert_allclose(neuron(weights, 0, None)(points), alone[0] + alone[1], atol=1e-6)


@pytest.mark.proves("bias")
@pytest.mark.parametrize("bias", [-2.0, 0.5])
def test_the_bias_is_added_to_every_sum(bias):
    points = np.array(FACTS["points"])
    with_it, without = neuron([2, 4], bias, None)(points), neuron([2, 4], 0, None)(points)
    np.testing.assert_allclose(with_it - without, bias, atol=1e-6)


@pytest.mark.proves("activation", "sum")
@pytest.mark.parametrize("activation", [expit, lambda one: max(0.0, one)], ids=["sigmoid", "relu"])
def test_a_neuron_is_a_sum_of_products_and_a_bias_and_an_activation(activation):
    name = "sigmoid" if activation is expit else "relu"
    for weights, bias, numbers in [([2, -1], 0.5, [3, 1]), ([-1, 0.5, 2], -3, [1, 2, 0.25])]:
        total = sum(weight * number for weight, number in zip(weights, numbers, strict=True)) + bias
        assert neuron(weights, bias, name)([numbers])[0] == pytest.approx(activation(total), abs=1e-6)
    assert neuron([2, -1], 0.5, None)([[3, 1]])[0] == neuron([2, -1], 0.5, "relu")([[3, 1]])[0] == 5.5


@pytest.mark.proves("sigmoid")
def test_a_sigmoid_is_between_0_and_1_and_grows():
    sums = np.linspace(-12, 12, 97, dtype=np.float32)
    made = keras.activations.sigmoid(sums).numpy()
    assert ((made > 0) & (made < 1)).all()
    assert (np.diff(made) > 0).all()
    assert made[48] == 0.5


@pytest.mark.proves("relu")
def test_relu_leaves_a_sum_above_0_and_makes_others_0():
    first, last = making.network().layers
    assert (first.activation.__name__, last.activation.__name__) == ("relu", "sigmoid")
    sums = np.array([-7, -0.25, 0, 0.25, 7], np.float32)
    assert first.activation(sums).tolist() == [0, 0, 0, 0.25, 7]


@pytest.mark.proves("measured")
def test_two_numbers_of_each_digit():
    known = load_digits()
    rows = [row for row in range(len(known.target)) if known.target[row] in (0, 1)][:60]
    assert FACTS["labels"] == known.target[rows].tolist()
    assert len(rows) == len(FACTS["points"])
    for row, (middle, beside) in zip(rows, FACTS["points"], strict=True):
        image = known.images[row] / 16
        inner = [image[i, j] for i in (3, 4) for j in (3, 4)]
        outer = [image[i, j] for i in (3, 4) for j in (1, 2, 5, 6)]
        assert [middle, beside] == pytest.approx([np.mean(inner), np.mean(outer)], abs=1e-4)


@pytest.mark.proves("line")
def test_a_neuron_is_undecided_on_a_straight_line():
    weights, bias = np.array([3.0, -2.0]), 0.5
    along, start = np.array([2.0, 3.0]), np.array([0.0, 0.25])
    on_it = start + np.linspace(-2, 2, 9)[:, None] * along
    np.testing.assert_allclose(neuron(weights, bias)(on_it), 0.5, atol=1e-6)
    assert (neuron(weights, bias)(on_it + np.array([0.01, 0])) > 0.5).all()
    assert (neuron(weights, bias)(on_it - np.array([0.01, 0])) < 0.5).all()


@pytest.mark.proves("turn")
def test_weights_turn_the_line_and_the_bias_shifts_it():
    def crossings(weights, bias):
        """Where the line meets the left edge of the plane and the right one; the sum is linear between two places."""
        total = neuron(weights, bias, None)
        low, high = total([[0, 0], [1, 0]]), total([[0, 1], [1, 1]])
        return low / (low - high)

    slope = {bias: np.diff(crossings([2, 4], bias))[0] for bias in (-2, 0, 1)}
    assert list(slope.values()) == pytest.approx([slope[0]] * 3)
    assert crossings([2, 4], -2)[0] != pytest.approx(crossings([2, 4], 0)[0])
    assert np.diff(crossings([4, 4], -2))[0] != pytest.approx(slope[-2])


@pytest.mark.proves("enough")
def test_the_sliders_reach_a_line_without_a_mistake():
    steps = np.arange(-10, 10.5, 0.5)
    points, labels = np.array(FACTS["points"]), np.array(FACTS["labels"]) == 1
    count = 0
    for first, second in itertools.product(steps, steps):
        sums = points @ [first, second] + steps[:, None]  # (biases, points)
        count += int((((sums > 0) == labels).all(1)).sum())
    assert count > 10
    assert a_line_parts(points, labels)


@pytest.mark.proves("middle", "bias-helps")
def test_the_hint_leads_to_a_line_without_a_mistake():
    points, labels = np.array(FACTS["points"]), np.array(FACTS["labels"])
    assert points[labels == 0, 0].max() < 0.24 < 0.40 < points[labels == 1, 0].min()
    biases = np.arange(-10, 10.5, 0.5)
    ones = 10 * points[:, 0] + biases[:, None] > 0  # (biases, points)
    assert (ones == labels).all(1).any()
    assert (np.diff(ones.sum(1)) >= 0).all()
    assert ones.sum(1)[-1] > ones.sum(1)[0]


@pytest.mark.proves("seed")
def test_a_seed_decides_the_random_weights():
    drawn = []
    for seed in (0, 0, 9):
        keras.utils.set_random_seed(seed)
        drawn.append(making.network().get_weights()[0])
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.proves("tutorial")
def test_the_tutorials_dense_layer_is_512_neurons():
    layer = next(one for one in first_cnn((32, 32, 3), 10).layers if isinstance(one, keras.layers.Dense))
    kernel, bias = layer.get_weights()
    assert (kernel.shape, bias.shape) == ((2304, 512), (512,))
    numbers = np.random.default_rng(0).normal(size=(1, 2304))
    one_alone = neuron(kernel[:, 7], bias[7], None)(numbers)
    together = layer(numbers.astype(np.float32)).detach().numpy()[:, 7]
    np.testing.assert_allclose(one_alone, together, rtol=1e-4, atol=1e-5)


def spikes(pushes):
    """How often the membrane potential of Hodgkin and Huxley's cell rises above 0 mV.

    Args:
        pushes: when they begin, ms; each is 15 microamperes a square centimeter for 1 ms.

    Source: Hodgkin and Huxley 1952, Journal of Physiology 117, with the potential at rest at -65 mV.
    """

    def change(time, state):
        v, m, h, n = state
        push = 15.0 * any(begin <= time < begin + 1 for begin in pushes)
        current = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.387)
        return [
            push - current,
            0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10)) * (1 - m) - 4 * np.exp(-(v + 65) / 18) * m,
            0.07 * np.exp(-(v + 65) / 20) * (1 - h) - h / (1 + np.exp(-(v + 35) / 10)),
            0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10)) * (1 - n) - 0.125 * np.exp(-(v + 65) / 80) * n,
        ]

    solution = solve_ivp(change, (0, 60), [-65, 0.0529, 0.5961, 0.3177], max_step=0.05)
    above = solution.y[0] > 0
    return int((above[1:] & ~above[:-1]).sum())


@pytest.mark.proves("nerve")
def test_a_nerve_cell_depends_on_what_came_before_and_a_neuron_does_not():
    assert spikes([10]) == 1
    assert spikes([10, 15]) == 1  # the push that comes 5 ms later does nothing
    assert spikes([10, 40]) == 2
    model = neuron([2, -1], 0.5)
    before = model([[0.3, 0.4]])
    model([[9, -9], [100, 0]])
    assert model([[0.3, 0.4]]) == before


@pytest.mark.proves("edge")
def test_an_edge_is_exactly_one_light_pixel():
    pictures, edges = np.array(FACTS["pairs"]), np.array(FACTS["edges"])
    assert pictures.shape == (48, 2)
    np.testing.assert_array_equal((pictures > 0.5).sum(1) == 1, edges == 1)
    difference = np.abs(pictures[:, 0] - pictures[:, 1])
    assert difference[edges == 1].min() > difference[edges == 0].max()


@pytest.mark.proves("no-line", "cannot")
def test_no_line_parts_edges_from_the_rest():
    assert not a_line_parts(FACTS["pairs"], FACTS["edges"])
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert a_line_parts(corners, corners.all(1))
    assert a_line_parts(corners, corners.any(1))
    assert a_line_parts(corners, corners[:, 0])
    assert not a_line_parts(corners, corners.sum(1) == 1)


def mistakes(look):
    """Of the network with these numbers, computed by Keras."""
    said = making.predicted(making.arranged(look["weights"]))
    return int(((said > 0.5) != np.array(FACTS["edges"])).sum())


@pytest.mark.proves("network", "trained")
def test_three_neurons_tell_edges_after_the_training():
    first, last = making.network().layers
    assert (first.units, first.activation.__name__) == (2, "relu")
    assert (last.units, last.activation.__name__, last.input.shape) == (1, "sigmoid", (None, 2))
    assert making.network().count_params() == 9
    looks = TRAININGS["good"]
    assert (mistakes(looks[0]), mistakes(looks[-1])) == (35, 0)
    assert (len(looks) - 1) * FACTS["between"] == 300
    for look in looks[::6]:
        assert look["mistakes"] == mistakes(look)


@pytest.mark.proves("stuck")
def test_another_beginning_gets_stuck():
    looks = TRAININGS["stuck"]
    assert FACTS["seeds"]["stuck"] == 0
    assert [mistakes(look) for look in looks[-20::4]] == [12] * 5
    assert looks[-20]["loss"] - looks[-1]["loss"] < 0.002


@pytest.mark.proves("training")
@pytest.mark.parametrize("name", ["good", "stuck"])
def test_a_step_changes_numbers_a_little_and_answers_come_closer(name):
    """The first steps are taken again, and lead where they led."""
    keras.utils.set_random_seed(FACTS["seeds"][name])
    model = making.network()
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    pictures, edges = making.pairs()
    np.testing.assert_allclose(flat(model), TRAININGS[name][0]["weights"], atol=1e-4)
    for _ in range(FACTS["between"]):
        before = flat(model)
        model.train_on_batch(pictures, edges[:, None].astype(np.float32))
        assert 0 < np.abs(flat(model) - before).max() < 0.1
    np.testing.assert_allclose(flat(model), TRAININGS[name][1]["weights"], atol=1e-3)
    looks = TRAININGS[name]
    assert looks[-1]["loss"] < looks[0]["loss"]
    assert looks[-1]["mistakes"] < looks[0]["mistakes"]
    said = making.predicted(making.arranged(looks[-1]["weights"]))
    loss = keras.losses.BinaryCrossentropy()(edges[:, None], said[:, None]).item()
    assert loss == pytest.approx(looks[-1]["loss"], abs=2e-3)


def flat(model):
    return np.concatenate([weight.flatten() for weight in model.get_weights()])


@pytest.mark.proves("linear")
def test_without_relu_three_neurons_are_one():
    numbers = making.arranged(TRAININGS["good"][-1]["weights"])
    kernel, bias, last, last_bias = numbers
    model = making.network()
    model.set_weights(numbers)
    model.layers[0].activation = keras.activations.linear
    pictures, _ = making.pairs()
    one = neuron((kernel @ last)[:, 0], (bias @ last + last_bias)[0])(pictures)
    np.testing.assert_allclose(model(pictures).detach().numpy()[:, 0], one, atol=1e-5)
    assert np.abs(making.predicted(numbers) - one).max() > 0.5  # with ReLU they are not
