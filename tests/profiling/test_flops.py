"""FLOPs of small batches against sums done by hand."""

from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn
from tellapart.profiling.flops import count_flops
from tellapart.recipes.build import build_network
from tellapart.recipes.recipes import fast

keras = import_keras()
layers = keras.layers


def test_the_tutorials_step_is_three_forward_passes_but_for_the_pictures_own_gradient():
    first = 2 * 9 * 32 * 32 * 3 * 32
    others = 2 * 9 * (30 * 30 * 32 * 32 + 15 * 15 * 32 * 64 + 13 * 13 * 64 * 64)
    dense = 2 * (6 * 6 * 64 * 512 + 512 * 10)
    flops = count_flops(first_cnn((32, 32, 3), 10))
    assert flops.forward == first + others + dense
    assert flops.step == 2 * first + 3 * (others + dense)


def test_a_frozen_first_layer_costs_its_forward_pass_alone_and_spares_the_next_ones_input():
    frozen, second = layers.Conv2D(4, 3, trainable=False), layers.Conv2D(5, 3)
    model = keras.Sequential([keras.Input((8, 8, 3)), frozen, second, layers.Flatten(), layers.Dense(2)])
    first = 2 * 9 * 6 * 6 * 3 * 4
    middle, last = 2 * 9 * 4 * 4 * 4 * 5, 2 * 4 * 4 * 5 * 2
    assert count_flops(model) == (first + middle + last, first + 2 * middle + 3 * last)


def test_whitening_filters_are_not_learned_and_what_is_before_them_neither():
    model = build_network(fast(), (32, 32, 3), 10)
    whitening = 2 * (2 * 2 * 3) * 24 * 31 * 31
    flops = count_flops(model)
    assert flops.step == whitening + 3 * (flops.forward - whitening)
    first = 2 * (3 * 3 * 24) * 64 * 31 * 31
    assert count_flops(model, [model.get_layer("whitening").bias.value]).step == flops.step - first


def test_counting_leaves_the_model_as_it_was():
    model = build_network(fast(), (32, 32, 3), 10)
    before = [weight.numpy().copy() for weight in model.weights]
    count_flops(model)
    assert all((weight.numpy() == old).all() for weight, old in zip(model.weights, before, strict=True))


def test_a_depthwise_convolution_costs_each_way_what_its_forward_pass_costs():
    wide, depthwise = layers.Conv2D(8, 1, use_bias=False), layers.DepthwiseConv2D(3, use_bias=False)
    model = keras.Sequential([keras.Input((10, 10, 3)), wide, depthwise, layers.GlobalAveragePooling2D()])
    first, second = 2 * 10 * 10 * 3 * 8, 2 * 8 * 8 * 9 * 8
    assert count_flops(model) == (first + second, 2 * first + 3 * second)
