"""Compact networks in the style of keras.io's vision examples, trained by Keras and by tellapart.

The control is Keras itself, from weights 1e-7 of themselves away: training amplifies rounding, so no engine can be
asked to be closer to Keras than that.
"""

import numpy as np
import pytest
from keras_oracle import keras

import tellapart

layers, ops = keras.layers, keras.ops

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(12, 16, 16, 3)).astype("float32")
LABELS = RANDOM.integers(0, 5, 12)
MASKS = RANDOM.integers(0, 3, (12, 16, 16, 1))


def classifier(body):
    """A network from 16 x 16 pictures to five logits, and its data."""
    image = keras.Input((16, 16, 3))
    model = keras.Model(image, layers.Dense(5)(body(image)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-4), loss, metrics=["accuracy"])
    return model, IMAGES, LABELS


def vision_transformer(image):
    """Attention over patches, called by position and by keyword, with GELU as a function of `keras.ops`."""
    x = layers.Reshape((16, 24))(layers.Conv2D(24, 4, strides=4)(image))
    for number in range(2):
        normed = layers.LayerNormalization(epsilon=1e-6)(x)
        attention = layers.MultiHeadAttention(2, 12)
        attended = attention(normed, normed) if number else attention(query=normed, value=normed)
        x = layers.Add()([attended, x])
        hidden = layers.Dense(48, activation=ops.gelu)(layers.LayerNormalization(epsilon=1e-6)(x))
        x = layers.Add()([layers.Dense(24)(hidden), x])
    return layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(x))


def mlp_mixer(image):
    """Dense layers across patches and across channels."""
    x = layers.Reshape((16, 20))(layers.Conv2D(20, 4, strides=4)(image))
    for _ in range(2):
        across = layers.Permute((2, 1))(layers.LayerNormalization()(x))
        across = layers.Dense(16)(layers.Dense(32, activation="gelu")(across))
        x = x + ops.transpose(across, (0, 2, 1))
        x = x + layers.Dense(20)(layers.Dense(40, activation="gelu")(layers.LayerNormalization()(x)))
    return layers.GlobalAveragePooling1D()(x)


def convmixer(image):
    """Depthwise and pointwise convolutions with batch statistics."""

    def activated(x):
        return layers.BatchNormalization()(layers.Activation("gelu")(x))

    x = activated(layers.Conv2D(16, 2, strides=2)(layers.Rescaling(1 / 255)(image * 255)))
    for _ in range(2):
        mixed = layers.Add()([activated(layers.DepthwiseConv2D(5, padding="same")(x)), x])
        x = activated(layers.Conv2D(16, 1)(mixed))
    return layers.GlobalAvgPool2D()(x)


def shifted_windows(image):
    """Attention within windows, cut out and put back by operations; as in Swin."""
    x = layers.Conv2D(16, 2, strides=2)(image)  # (B, 8, 8, 16)
    for shift in (0, 2):
        moved = ops.roll(layers.LayerNormalization(epsilon=1e-5)(x), (-shift, -shift), (1, 2))
        windows = ops.transpose(ops.reshape(moved, (-1, 2, 4, 2, 4, 16)), (0, 1, 3, 2, 4, 5))
        windows = ops.reshape(windows, (-1, 4, 16, 16))
        attended = layers.MultiHeadAttention(2, 8, attention_axes=(2,))(windows, windows)
        whole = ops.transpose(ops.reshape(attended, (-1, 2, 2, 4, 4, 16)), (0, 1, 3, 2, 4, 5))
        x = x + ops.roll(ops.reshape(whole, (-1, 8, 8, 16)), (shift, shift), (1, 2))
    first, second = ops.split(x, 2, axis=-1)
    joined = ops.stack([ops.maximum(first, second), -first], axis=-1)
    return layers.Flatten()(joined[:, ::2, ::2])


def u_net():
    """Segmentation: separable and transposed convolutions, skip connections, a class for each pixel."""
    image = keras.Input((16, 16, 3))
    x = skip = layers.Activation("relu")(
        layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same")(image))
    )
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.BatchNormalization()(layers.SeparableConv2D(12, 3, padding="same", activation="relu")(x))
    up = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    side = layers.Conv2D(8, 1)(layers.UpSampling2D(2)(x))
    x = layers.Concatenate()([layers.add([up, side]), skip])
    model = keras.Model(image, layers.Conv2D(3, 3, padding="same")(x))
    # Logits: Keras's torch backend cannot differentiate this loss of a map of probabilities.
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model, IMAGES, MASKS


def two_inputs_two_outputs():
    """Inputs and outputs in dictionaries, one tower used twice, a loss for each output."""
    inputs = {name: keras.Input((16, 16, 3), name=name) for name in ("left", "right")}
    tower = keras.Sequential(
        [layers.Conv2D(8, 3, strides=2, activation="relu"), layers.GlobalAveragePooling2D()]
    )
    left, right = tower(inputs["left"]), tower(inputs["right"])
    outputs = {
        "same": layers.Dense(1, activation="sigmoid", name="same")(ops.abs(left - right)),
        "kind": layers.Dense(5, activation="softmax", name="kind")(layers.concatenate([left, right])),
    }
    model = keras.Model(inputs, outputs)
    model.compile("rmsprop", {"same": "binary_crossentropy", "kind": "sparse_categorical_crossentropy"})
    targets = {"same": (LABELS[:, None] > 2).astype("float32"), "kind": LABELS}
    return model, {"left": IMAGES, "right": IMAGES[::-1].copy()}, targets


def gray_twins():
    """One tower for two gray pictures, which it normalizes first; the distance of what it makes of them."""
    inputs = [keras.Input((16, 16, 1)), keras.Input((16, 16, 1))]
    picture = keras.Input((16, 16, 1))
    x = layers.Conv2D(4, 5, activation="tanh")(layers.BatchNormalization()(picture))
    x = layers.BatchNormalization()(layers.Flatten()(layers.AveragePooling2D(pool_size=(2, 2))(x)))
    tower = keras.Model(picture, layers.Dense(10, activation="tanh")(x))
    first, second = map(tower, inputs)
    apart = ops.sqrt(ops.maximum(ops.sum(ops.square(first - second), axis=1, keepdims=True), 1e-7))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.BatchNormalization()(apart)))
    model.compile("rmsprop", "binary_crossentropy")
    return model, [IMAGES[..., :1] * 50 + 30, IMAGES[..., 1:2]], (LABELS[:, None] > 2).astype("float32")


def sub_pixels():
    """Super-resolution: channels become pixels by reshaping and transposing."""
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 5, activation="relu", padding="same", kernel_initializer="orthogonal")(image)
    x = ops.reshape(layers.Conv2D(4, 3, padding="same")(x), (-1, 8, 8, 2, 2))
    x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4)), (-1, 16, 16, 1))
    model = keras.Model(image, x)
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model, IMAGES[:, ::2, ::2, :1], IMAGES[..., :1]


NETWORKS = {
    "vision transformer": lambda: classifier(vision_transformer),
    "MLP-Mixer": lambda: classifier(mlp_mixer),
    "ConvMixer": lambda: classifier(convmixer),
    "shifted windows": lambda: classifier(shifted_windows),
    "U-Net": u_net,
    "dictionaries": two_inputs_two_outputs,
    "gray twins": gray_twins,
    "sub-pixels": sub_pixels,
}


def trained(fit, build, perturbation=0.0):
    """The weights before and after three batches, and the losses."""
    keras.utils.set_random_seed(1)
    model, x, y = build()
    if perturbation:
        signs = np.random.default_rng(1)
        model.set_weights(
            [w * (1 + perturbation * signs.choice([-1, 1], w.shape)) for w in model.get_weights()]
        )
    start = model.get_weights()
    history = fit(model, x, y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    return start, model.get_weights(), history.history


def distance(weights, expected):
    """Norm of the difference, as a share of the norm of the expected weights."""
    apart = sum(np.sum((a.astype("float64") - b) ** 2) for a, b in zip(weights, expected, strict=True))
    return np.sqrt(apart / sum(np.sum(b.astype("float64") ** 2) for b in expected))


@pytest.mark.parametrize("network", NETWORKS)
def test_three_batches_leave_keras_s_weights(network):
    """As close as Keras comes to itself from weights that differ in their last bits."""
    build = NETWORKS[network]
    _, theirs, their_history = trained(keras.Model.fit, build)
    _, control, _ = trained(keras.Model.fit, build, perturbation=1e-7)
    start, ours, our_history = trained(tellapart.fit, build)
    allowed = 3 * distance(control, theirs)
    assert distance(ours, theirs) <= allowed < 1e-2 * distance(start, theirs)
    assert list(our_history) == list(their_history)
    for name, values in their_history.items():
        np.testing.assert_allclose(our_history[name], values, rtol=1e-5, err_msg=name)
