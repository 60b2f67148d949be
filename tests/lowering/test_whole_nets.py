"""Whole networks against Keras: every layer lowered, the same outputs, gradients and statistics."""

import pytest
import torch
from against_keras import assert_as_near_the_truth_as_keras, assert_same_as_keras, pictures, without_chance

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.first_cnn import first_cnn

keras = import_keras()
layers = keras.layers


@pytest.fixture(autouse=True)
def _same_weights_every_time():
    keras.utils.set_random_seed(0)


def pixels(count, size, seed=0):
    return torch.randint(
        0, 256, (count, size, size, 3), generator=torch.Generator().manual_seed(seed)
    ).float()


def test_the_tutorials_network():
    assert_same_as_keras(without_chance(first_cnn((32, 32, 3), 10)), pixels(4, 32))


def resnet20(size=16):
    """He et al. 2016 for CIFAR-10: three stages of three blocks, 16, 32 and 64 channels wide."""

    def convolved(x, width, stride=1, kernel=3):
        x = layers.Conv2D(width, kernel, stride, "same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((size, size, 3))
    x = layers.ReLU()(convolved(layers.Rescaling(1 / 255)(inputs), 16))
    for width in (16, 32, 64):
        for block in range(3):
            stride = 2 if block == 0 and width > 16 else 1
            branch = convolved(layers.Activation("relu")(convolved(x, width, stride)), width)
            x = layers.Activation("relu")((convolved(x, width, stride, 1) if stride == 2 else x) + branch)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def test_resnet20():
    assert_same_as_keras(resnet20(), pixels(8, 16), tolerance=1e-4)


def transformer(places=16, width=24):
    """A small ViT: patches, learned places, two blocks of attention (Dosovitskiy et al. 2021)."""
    images, positions = keras.Input((16, 16, 3)), keras.Input((places,), dtype="int32")
    x = layers.Conv2D(width, 4, strides=4)(layers.Rescaling(1 / 127.5, -1)(images))
    x = layers.Reshape((places, width))(x) + layers.Embedding(places, width)(positions)
    for _ in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(3, 8, dropout=0.1)(y, y)])
        y = layers.Dense(2 * width, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
        x = layers.Add()([x, layers.Dense(width)(layers.Dropout(0.1)(y))])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    return keras.Model([images, positions], layers.Dense(5, activation="softmax")(x))


def test_a_vision_transformer():
    model = without_chance(transformer())
    for layer in model.layers:
        if isinstance(layer, layers.MultiHeadAttention):
            layer._dropout = 0.0
    assert_same_as_keras(model, [pixels(4, 16), torch.arange(16, dtype=torch.int32).repeat(4, 1)])


def test_a_vision_transformer_drops_in_training_and_only_there():
    given = [pixels(4, 16), torch.arange(16, dtype=torch.int32).repeat(4, 1)]
    model = transformer()
    net = lower(model)
    torch.testing.assert_close(net(given), model(given), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(net(given, training=True), net(given, training=True))


def test_a_vision_transformer_in_bfloat16_stays_near_float32():
    given = [pixels(4, 16), torch.arange(16, dtype=torch.int32).repeat(4, 1)]
    model = transformer()
    coarse, fine = lower(model, "bfloat16")(given), lower(model, "float32")(given)
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, fine, rtol=0.05, atol=0.01)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("MobileNetV2", 64),
        ("MobileNetV3Small", 32),
        ("EfficientNetB0", 32),
        ("ResNet50", 32),
        ("ConvNeXtTiny", 32),
        ("Xception", 71),
    ],
)
def test_a_known_architecture(name, size):
    def build():
        model = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=7)
        for variable in model.weights:
            if "layer_scale" in variable.path:
                variable.assign(variable + 0.3)  # the initial 1e-6 would hide every block
        return without_chance(model)

    assert_as_near_the_truth_as_keras(build, pixels(4, size))


def test_shared_and_nested_parts():
    inputs = keras.Input((16, 16, 3))
    block = keras.Sequential(
        [layers.Conv2D(8, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()]
    )
    shared = layers.Conv2D(8, 3, padding="same")
    x = block(shared(layers.Conv2D(8, 1)(inputs)))
    x = layers.ReLU()(layers.Add()([x, shared(x)]))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    assert_same_as_keras(model, pictures(4, 16, 16, 3))


def test_several_inputs_of_different_ranks():
    picture, row = keras.Input((8, 8, 3)), keras.Input((5,))
    seen = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(picture))
    told = layers.Dense(6, activation="silu")(row)
    gate = layers.Reshape((1, 1, 4))(layers.Dense(4, activation="sigmoid")(row))
    gated = layers.GlobalMaxPooling2D()(layers.Multiply()([layers.Conv2D(4, 1)(picture), gate]))
    model = keras.Model([picture, row], layers.Dense(3)(layers.Concatenate()([seen, told, gated])))
    assert_same_as_keras(model, [pictures(4, 8, 8, 3), pictures(4, 5)])
