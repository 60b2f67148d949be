"""Whatever a convolution takes into itself, the results are Keras's: pads, sums, pixels' scale, activations."""

import numpy as np
import pytest
import torch

from tellapart.inference.folded_convolution import NO_MARGINS, FoldedConvolution
from tellapart.inference.folded_net import inference_net
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower

keras = import_keras()
layers = keras.layers


def model_of(outputs_of, shape=(9, 12, 3)):
    keras.utils.set_random_seed(3)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layers.Flatten()(outputs_of(inputs)))
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.2, 1, weight.shape) - 0.5 for weight in model.get_weights()])
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(random.uniform(0.3, 2, layer.moving_variance.shape))
    return model


def folded_like_keras(model, count=3):
    """Return the folded net, after holding it against Keras in float32 and, to two digits, in bfloat16."""
    shape = (count, *model.input_shape[1:])
    images = np.random.default_rng(1).integers(0, 256, shape).astype("uint8")
    net = inference_net(lower(model, "float32"))
    low = inference_net(lower(model, "float32"), "bfloat16")
    with torch.inference_mode():
        expected = model(images.astype("float32"), training=False)
        scale = float(expected.abs().max())
        torch.testing.assert_close(net(torch.from_numpy(images)), expected, rtol=0, atol=1e-5 * max(1, scale))
        rounded = low(torch.from_numpy(images)).float()
        torch.testing.assert_close(rounded, expected, rtol=0, atol=0.03 * max(1, scale))
    return net


def convolutions(net):
    return [step.operation for step in net.body if isinstance(step.operation, FoldedConvolution)]


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("side", [7, 8])
def test_it_pads_as_keras_does(side, kernel, stride, depthwise):
    kind = (layers.DepthwiseConv2D,) if depthwise else (layers.Conv2D, 4)
    layer = kind[0](*kind[1:], kernel, strides=stride, padding="same")
    folded_like_keras(model_of(layer, (side, 12, 3)))


def test_a_depthwise_convolution_never_copies_its_images_to_pad_them():
    for size, kernel in [((8, 8), 3), ((8, 9), 3), ((9, 8), 5), ((14, 14), 5)]:
        layer = layers.DepthwiseConv2D(kernel, strides=2, padding="same", depth_multiplier=2)
        (convolution,) = convolutions(folded_like_keras(model_of(layer, (*size, 3))))
        assert [plan.copied for plan in convolution._plans.values()] == [NO_MARGINS]


def test_dilation_pads_as_keras_does():
    folded_like_keras(model_of(layers.DepthwiseConv2D(2, dilation_rate=2, padding="same")))
    folded_like_keras(model_of(layers.DepthwiseConv2D(2, dilation_rate=3, padding="same")))
    folded_like_keras(model_of(layers.Conv2D(6, 2, dilation_rate=3, padding="same", groups=3)))


@pytest.mark.parametrize("sides", [1, (2, 0), ((0, 1), (0, 1)), ((1, 0), (2, 0)), ((3, 1), (0, 2))])
@pytest.mark.parametrize("depthwise", [False, True])
def test_zeros_around_the_images_become_its_own(sides, depthwise):
    def outputs_of(x):
        x = layers.ZeroPadding2D(sides)(layers.Conv2D(4, 1)(x))
        return (layers.DepthwiseConv2D(3, strides=2) if depthwise else layers.Conv2D(4, 3, strides=2))(x)

    net = folded_like_keras(model_of(outputs_of))
    assert len(net.body) + len(net.head) == 3  # two convolutions, and what flattens


def test_other_zeros_stay_a_step_of_their_own():
    def outputs_of(x):
        cropped = layers.Conv2D(4, 3)(layers.Cropping2D(1)(layers.Conv2D(4, 1)(x)))
        padded = layers.ZeroPadding2D(1)(cropped)
        return layers.Add()([layers.Conv2D(4, 3)(padded), layers.Conv2D(4, 3)(layers.ReLU()(padded))])

    folded_like_keras(model_of(outputs_of))
    folded_like_keras(model_of(lambda x: layers.Conv2D(4, 3, padding="same")(layers.ZeroPadding2D(1)(x))))


@pytest.mark.parametrize(
    ("scale", "offset"), [(1 / 255, 0), (1 / 127.5, -1), (1 / 128, -127 / 128), (0.01, 0.5)]
)
def test_it_takes_raw_pixels_and_still_pads_with_zeros(scale, offset):
    def outputs_of(x):
        return layers.Conv2D(4, 3, strides=2, padding="same")(layers.Rescaling(scale, offset)(x))

    net = folded_like_keras(model_of(outputs_of, (8, 12, 3)))
    assert net.input_dtype is None  # the bytes themselves
    assert len(net.body) == 2
    folded_like_keras(model_of(lambda x: outputs_of(layers.Rescaling(2, 3)(x)), (8, 12, 3)))


def test_zeros_before_a_shift_of_the_pixels_are_shifted_too():
    def shifted(x):
        return layers.Conv2D(4, 3, strides=2)(layers.Rescaling(1 / 127.5, -1)(layers.ZeroPadding2D(1)(x)))

    folded_like_keras(model_of(shifted, (8, 12, 3)))
    folded_like_keras(model_of(lambda x: shifted(layers.Rescaling(2, 3)(x)), (8, 12, 3)))


def test_a_scale_of_zero_stays_a_step_of_its_own():
    folded_like_keras(model_of(lambda x: layers.Conv2D(4, 3)(layers.Rescaling(0.0, 0.5)(x))))


@pytest.mark.parametrize(
    "activation", ["gelu", "hard_silu", "linear", "relu", "relu6", "silu", "softplus", "tanh"]
)
def test_activations_are_keras_s_alone_and_after_a_sum(activation):
    def outputs_of(x):
        x = layers.Activation(activation)(layers.Conv2D(4, 1)(layers.Rescaling(1 / 100, -1)(x)))
        y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
        return layers.Activation(activation)(layers.Add()([x, y]))

    net = folded_like_keras(model_of(outputs_of))
    assert [convolution.adds for convolution in convolutions(net)] == [False, True]
    assert len(net.body) == 3


def test_relu6_by_each_of_its_names_is_part_of_the_convolution():
    for layer in (layers.ReLU(6), layers.ReLU(max_value=6.0), layers.Activation("relu6")):
        net = folded_like_keras(model_of(lambda x, layer=layer: layer(layers.Conv2D(4, 3)(x))))
        assert [convolution.activation for convolution in convolutions(net)] == ["relu6"]
    folded_like_keras(model_of(lambda x: layers.ReLU(4)(layers.Conv2D(4, 3)(x))))


def test_of_two_convolutions_one_adds_the_other():
    def outputs_of(x):
        y = layers.BatchNormalization()(layers.Conv2D(4, 1, strides=2)(x))
        z = layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2, padding="same")(x))
        return layers.BatchNormalization()(layers.ReLU()(layers.Add()([y, z])))

    net = folded_like_keras(model_of(outputs_of))
    assert sum(convolution.adds for convolution in convolutions(net)) == 1


@pytest.mark.parametrize("depthwise", [False, True])
def test_sums_that_it_cannot_take_in_stay_right(depthwise):
    def outputs_of(x):
        x = layers.Conv2D(4, 1)(x)
        y = (layers.DepthwiseConv2D(3, padding="same") if depthwise else layers.Conv2D(4, 1))(x)
        one = layers.Conv2D(1, 1)(x)  # broadcast
        summed = layers.Add()([x, layers.BatchNormalization()(layers.Add()([y, one]))])
        return layers.Add()([summed, layers.Conv2D(4, 1)(summed), layers.MaxPooling2D(2, 1, "same")(summed)])

    folded_like_keras(model_of(outputs_of))


def test_a_sum_that_is_pooled_is_computed_whole():
    def outputs_of(x):
        x = layers.Conv2D(4, 1)(x)
        return layers.MaxPooling2D(2)(layers.Add()([x, layers.Conv2D(4, 1)(x)]))

    folded_like_keras(model_of(outputs_of, (9, 11, 3)))


@torch.inference_mode()
def test_an_image_s_result_does_not_depend_on_the_others_nor_on_their_size():
    def outputs_of(x):
        x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(
            layers.Rescaling(1 / 128, -1)(x)
        )
        y = layers.DepthwiseConv2D(5, padding="same", activation="relu6")(x)
        x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
        return layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3, strides=2, padding="same")(x))

    model = model_of(outputs_of, (None, None, 3))
    net = inference_net(lower(model, "float32"))
    for size in [(16, 16), (15, 16), (16, 15), (7, 9)]:
        shape = (9, *size, 3)
        images = torch.from_numpy(np.random.default_rng(2).integers(0, 256, shape).astype("uint8"))
        together, alone = net(images), torch.cat([net(image[None]) for image in images])
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
        torch.testing.assert_close(together, model(images.float(), training=False), rtol=0, atol=1e-5)


def test_in_bfloat16_the_errors_of_a_depthwise_kernel_add_up_to_nothing():
    def outputs_of(x):
        x = layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(x)))
        return layers.DepthwiseConv2D(5)(x)

    model = model_of(outputs_of)
    kernel = keras.ops.convert_to_numpy(model.layers[-2].kernel)  # (kh, kw, C, 1)
    exact = torch.from_numpy(kernel).permute(2, 3, 0, 1)
    *_, depthwise = convolutions(inference_net(lower(model, "float32"), "bfloat16"))
    errors = depthwise.kernel.float() - exact
    alone = exact.bfloat16().float() - exact
    assert errors.sum((2, 3)).abs().max() < 2**-9 < alone.sum((2, 3)).abs().max()
    assert errors.abs().max() < 2 * alone.abs().max()


def test_in_bfloat16_the_first_narrow_convolutions_of_a_mobile_network_stay_in_float32():
    def outputs_of(x, depthwise=True):
        x = layers.Conv2D(8, 3, strides=2)(x)
        x = layers.DepthwiseConv2D(3)(x) if depthwise else layers.Conv2D(8, 1)(x)
        return layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(x))

    for depthwise, exact in [(True, 3), (False, 0)]:
        model = model_of(lambda x, depthwise=depthwise: outputs_of(x, depthwise))
        net = inference_net(lower(model, "float32"), "bfloat16")
        types = [convolution.dtype for convolution in convolutions(net)]
        assert types == [torch.float32] * exact + [torch.bfloat16] * (4 - exact)
