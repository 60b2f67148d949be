"""Every rule against Keras itself, one layer at a time."""

import pytest
import torch
from against_keras import (
    assert_same_as_keras,
    gradients,
    model_of,
    pictures,
    scatter_weights,
    weighted_sum,
)

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.ops.activations import ACTIVATIONS

keras = import_keras()
layers = keras.layers

PICTURE, ODD, SEQUENCE, ROW = (8, 8, 4), (9, 7, 4), (9, 4), (6,)

OF_PICTURES = {
    "convolution same": lambda: layers.Conv2D(5, 3, padding="same", activation="relu"),
    "convolution valid": lambda: layers.Conv2D(5, (3, 2), activation="tanh"),
    "convolution strided same": lambda: layers.Conv2D(5, 3, strides=2, padding="same"),
    "convolution strided 3": lambda: layers.Conv2D(5, 2, strides=3, padding="same"),
    "convolution of points, strided": lambda: layers.Conv2D(5, 1, strides=(2, 3), padding="same"),
    "convolution dilated": lambda: layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
    "convolution in groups": lambda: layers.Conv2D(6, 3, groups=2, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same"),
    "depthwise wider than the picture": lambda: layers.DepthwiseConv2D(13, padding="same", activation="relu"),
    "separable": lambda: layers.SeparableConv2D(5, 3, depth_multiplier=2, padding="same", activation="relu"),
    "separable strided": lambda: layers.SeparableConv2D(5, 3, strides=2, use_bias=False),
    "transposed": lambda: layers.Conv2DTranspose(5, 3, activation="elu"),
    "transposed same": lambda: layers.Conv2DTranspose(5, 3, strides=2, padding="same"),
    "transposed even same": lambda: layers.Conv2DTranspose(5, (4, 2), strides=2, padding="same"),
    "transposed wide step": lambda: layers.Conv2DTranspose(5, 2, strides=3, use_bias=False),
    "transposed same wide step": lambda: layers.Conv2DTranspose(5, 2, strides=3, padding="same"),
    "transposed dilated": lambda: layers.Conv2DTranspose(3, 3, dilation_rate=2, padding="same"),
    "transposed output padding": lambda: layers.Conv2DTranspose(3, 3, 2, "same", output_padding=(1, 0)),
    "transposed valid output padding": lambda: layers.Conv2DTranspose(3, 3, 2, output_padding=1),
    "dense over channels": lambda: layers.Dense(7, activation="gelu"),
    "einsum over channels": lambda: layers.EinsumDense("...x,xy->...y", 5, bias_axes="y"),
    "einsum over rows": lambda: layers.EinsumDense("bhwc,hk->bkwc", (3, None, 4), activation="softmax"),
    "batch normalization": lambda: layers.BatchNormalization(),
    "batch normalization without scale": lambda: layers.BatchNormalization(scale=False, momentum=0.9),
    "batch normalization over rows": lambda: layers.BatchNormalization(axis=1, center=False),
    "layer normalization": lambda: layers.LayerNormalization(epsilon=1e-6),
    "layer normalization of pictures": lambda: layers.LayerNormalization(axis=[1, 2, 3]),
    "layer normalization of rows and channels": lambda: layers.LayerNormalization(axis=(1, 3), scale=False),
    "group normalization": lambda: layers.GroupNormalization(groups=2),
    "instance normalization": lambda: layers.GroupNormalization(groups=-1, scale=False),
    "group normalization over axis 3": lambda: layers.GroupNormalization(groups=1, axis=3, center=False),
    "unit normalization": lambda: layers.UnitNormalization(),
    "unit normalization of pictures": lambda: layers.UnitNormalization(axis=[1, 2, 3]),
    "root mean square normalization": lambda: layers.RMSNormalization(),
    "max pooling": lambda: layers.MaxPooling2D(2),
    "max pooling same": lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
    "average pooling": lambda: layers.AveragePooling2D((2, 3)),
    "average pooling same": lambda: layers.AveragePooling2D((3, 5), strides=1, padding="same"),
    "global average": lambda: layers.GlobalAveragePooling2D(),
    "global average keeping dimensions": lambda: layers.GlobalAveragePooling2D(keepdims=True),
    "global maximum": lambda: layers.GlobalMaxPooling2D(),
    "adaptive average": lambda: layers.AdaptiveAveragePooling2D((3, 2)),
    "adaptive maximum": lambda: layers.AdaptiveMaxPooling2D(3),
    "rescaling": lambda: layers.Rescaling(1 / 127.5, offset=-1),
    "rescaling of channels": lambda: layers.Rescaling([0.1, 0.2, 0.3, 0.4], offset=[1.0, 2.0, 3.0, 4.0]),
    "rescaling of channels with one offset": lambda: layers.Rescaling([0.1, 0.2, 0.3, 0.4], offset=0.5),
    "normalization": lambda: layers.Normalization(),
    "normalization given": lambda: layers.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 0, 2, 3]),
    "normalization by one number": lambda: layers.Normalization(axis=None, mean=3.0, variance=2.0),
    "normalization undone": lambda: layers.Normalization(axis=(1, 3), invert=True),
    "resizing": lambda: layers.Resizing(5, 11),
    "resizing nearest": lambda: layers.Resizing(5, 11, interpolation="nearest"),
    "resizing bicubic": lambda: layers.Resizing(11, 5, interpolation="bicubic", antialias=True),
    "resizing a middle part": lambda: layers.Resizing(4, 9, crop_to_aspect_ratio=True),
    "middle part": lambda: layers.CenterCrop(5, 4),
    "middle part, enlarged": lambda: layers.CenterCrop(12, 5),
    "flatten": lambda: layers.Flatten(),
    "reshape": lambda: layers.Reshape((-1, 2)),
    "reshape to pictures": lambda: layers.Reshape((2, -1, 2)),
    "permute": lambda: layers.Permute((3, 1, 2)),
    "zero padding": lambda: layers.ZeroPadding2D(((1, 2), (0, 3))),
    "cropping": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "up-sampling": lambda: layers.UpSampling2D((2, 3)),
    "up-sampling bilinear": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "softmax over channels": lambda: layers.Softmax(),
    "softmax over pixels": lambda: layers.Softmax(axis=[1, 2]),
    "softmax over rows": lambda: layers.Softmax(axis=(1,)),
    "relu": lambda: layers.ReLU(),
    "relu with ceiling": lambda: layers.ReLU(max_value=0.5),
    "relu6": lambda: layers.ReLU(max_value=6.0),
    "relu with slope": lambda: layers.ReLU(negative_slope=0.1),
    "relu with threshold": lambda: layers.ReLU(threshold=0.5),
    "relu with everything": lambda: layers.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.05),
    "leaky relu": lambda: layers.LeakyReLU(),
    "elu": lambda: layers.ELU(0.7),
    "prelu": lambda: layers.PReLU(),
    "prelu of channels": lambda: layers.PReLU(shared_axes=[1, 2]),
    "identity": lambda: layers.Identity(),
}

OF_SEQUENCES = {
    "convolution": lambda: layers.Conv1D(5, 3, activation="relu"),
    "convolution same": lambda: layers.Conv1D(5, 2, strides=2, padding="same"),
    "convolution causal": lambda: layers.Conv1D(5, 3, dilation_rate=2, padding="causal"),
    "convolution in groups": lambda: layers.Conv1D(6, 3, groups=2, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same"),
    "separable": lambda: layers.SeparableConv1D(5, 3, strides=2, padding="same", activation="silu"),
    "transposed": lambda: layers.Conv1DTranspose(5, 3, strides=2, padding="same"),
    "transposed output padding": lambda: layers.Conv1DTranspose(5, 3, strides=2, output_padding=1),
    "dense": lambda: layers.Dense(7, activation="softmax"),
    "einsum": lambda: layers.EinsumDense("btc,cnd->btnd", (None, 3, 2), bias_axes="nd", activation="softmax"),
    "batch normalization": lambda: layers.BatchNormalization(),
    "batch normalization over steps": lambda: layers.BatchNormalization(axis=1),
    "layer normalization": lambda: layers.LayerNormalization(),
    "group normalization": lambda: layers.GroupNormalization(groups=2),
    "group normalization over steps": lambda: layers.GroupNormalization(groups=3, axis=1),
    "root mean square normalization": lambda: layers.RMSNormalization(axis=(-2, -1)),
    "unit normalization": lambda: layers.UnitNormalization(axis=1),
    "normalization": lambda: layers.Normalization(),
    "max pooling": lambda: layers.MaxPooling1D(3, strides=2),
    "max pooling same": lambda: layers.MaxPooling1D(2, padding="same"),
    "average pooling": lambda: layers.AveragePooling1D(2),
    "average pooling same": lambda: layers.AveragePooling1D(3, strides=1, padding="same"),
    "global average": lambda: layers.GlobalAveragePooling1D(),
    "global maximum": lambda: layers.GlobalMaxPooling1D(keepdims=True),
    "adaptive average": lambda: layers.AdaptiveAveragePooling1D(2),
    "adaptive maximum": lambda: layers.AdaptiveMaxPooling1D((4,)),
    "flatten": lambda: layers.Flatten(),
    "reshape to pictures": lambda: layers.Reshape((3, 3, 4)),
    "permute": lambda: layers.Permute((2, 1)),
    "zero padding": lambda: layers.ZeroPadding1D((1, 2)),
    "cropping": lambda: layers.Cropping1D((1, 2)),
    "up-sampling": lambda: layers.UpSampling1D(3),
    "prelu": lambda: layers.PReLU(shared_axes=[1]),
}

OF_ROWS = {
    "dense": lambda: layers.Dense(7, activation="sigmoid"),
    "batch normalization": lambda: layers.BatchNormalization(),
    "layer normalization": lambda: layers.LayerNormalization(center=False),
    "group normalization": lambda: layers.GroupNormalization(groups=2),
    "root mean square normalization": lambda: layers.RMSNormalization(),
    "unit normalization": lambda: layers.UnitNormalization(),
    "normalization": lambda: layers.Normalization(),
    "rescaling": lambda: layers.Rescaling(0.5),
    "repeat": lambda: layers.RepeatVector(3),
    "flatten": lambda: layers.Flatten(),
    "reshape to pictures": lambda: layers.Reshape((1, 2, 3)),
    "softmax": lambda: layers.Softmax(),
    "prelu": lambda: layers.PReLU(),
}

MERGES = {
    "add": lambda: layers.Add(),
    "subtract": lambda: layers.Subtract(),
    "multiply": lambda: layers.Multiply(),
    "maximum": lambda: layers.Maximum(),
    "minimum": lambda: layers.Minimum(),
    "average": lambda: layers.Average(),
    "concatenate": lambda: layers.Concatenate(),
    "concatenate rows": lambda: layers.Concatenate(axis=1),
    "dot": lambda: layers.Dot(axes=-1),
    "dot of unit vectors": lambda: layers.Dot(axes=(1, 1), normalize=True),
}


@pytest.mark.parametrize("shape", [PICTURE, ODD], ids=["even", "odd"])
@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_layer_of_pictures_gives_what_keras_gives(name, shape):
    assert_same_as_keras(model_of(OF_PICTURES[name](), shape), pictures(3, *shape), scattered=True)


@pytest.mark.parametrize("name", OF_SEQUENCES)
def test_a_layer_of_sequences_gives_what_keras_gives(name):
    assert_same_as_keras(model_of(OF_SEQUENCES[name](), SEQUENCE), pictures(3, *SEQUENCE), scattered=True)


@pytest.mark.parametrize("name", OF_ROWS)
def test_a_layer_of_rows_gives_what_keras_gives(name):
    assert_same_as_keras(model_of(OF_ROWS[name](), ROW), pictures(5, *ROW), scattered=True)


def test_flattening_single_numbers_gives_rows_of_one():
    assert_same_as_keras(model_of(layers.Flatten(), ()), pictures(5))


@pytest.mark.parametrize("shape", [(5, 6, 4), SEQUENCE, ROW], ids=["pictures", "sequences", "rows"])
@pytest.mark.parametrize("name", MERGES)
def test_a_merge_gives_what_keras_gives(name, shape):
    model = model_of(MERGES[name](), shape, shape)
    assert_same_as_keras(model, [pictures(2, *shape), pictures(2, *shape, seed=1)])


@pytest.mark.parametrize("kind", ["Add", "Multiply", "Maximum", "Average", "Concatenate"])
def test_a_merge_of_three_gives_what_keras_gives(kind):
    model = model_of(getattr(layers, kind)(), *[(4, 4, 3)] * 3)
    assert_same_as_keras(model, [pictures(2, 4, 4, 3, seed=seed) for seed in range(3)])


def test_a_merge_of_one_is_never_written_over():
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, layers.ReLU()(layers.Add()([inputs])))
    images = pictures(2, 4, 4, 3)
    before = images.clone()
    torch.testing.assert_close(lower(model)(images), model(images))
    torch.testing.assert_close(images, before)


def test_a_gate_for_each_channel_multiplies_every_pixel():
    model = model_of(layers.Multiply(), (5, 6, 4), (1, 1, 4))
    assert_same_as_keras(model, [pictures(2, 5, 6, 4), pictures(2, 1, 1, 4, seed=1)])


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"gelu_tanh"}))
def test_an_activation_gives_what_keras_gives(name):
    """Behind a convolution, where it may write over its input, and alone, where it may not."""
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.Activation(name)])
    assert_same_as_keras(model, 3 * pictures(2, 6, 6, 3))
    assert_same_as_keras(model_of(layers.Activation(name), (6, 4)), 3 * pictures(2, 6, 4))


def test_every_activation_of_keras_that_needs_no_argument_has_a_native_form():
    from keras.src.activations import ALL_OBJECTS

    assert {function.__name__ for function in ALL_OBJECTS} - set(ACTIVATIONS) == {"threshold"}


@pytest.mark.parametrize("shape", [(7,), (7, 2), ()], ids=str)
def test_an_embedding_gives_what_keras_gives(shape):
    model = model_of(layers.Embedding(11, 3), shape, dtype="int32")
    indices = torch.randint(-11, 11, (4, *shape), dtype=torch.int32)
    assert_same_as_keras(model, indices, scattered=True)


ATTENTIONS = {
    "self": (lambda: layers.MultiHeadAttention(3, 4), 1),
    "crossed": (lambda: layers.MultiHeadAttention(3, 4, value_dim=5, output_shape=7), 2),
    "crossed with keys": (lambda: layers.MultiHeadAttention(2, 4, use_bias=False), 3),
    "gated": (lambda: layers.MultiHeadAttention(3, 4, use_gate=True), 2),
    "dropping nothing in inference": (lambda: layers.MultiHeadAttention(3, 4, dropout=1e-9), 2),
    "grouped": (lambda: layers.GroupQueryAttention(4, 6, 2), 2),
    "grouped and gated": (lambda: layers.GroupQueryAttention(4, 6, 3, use_gate=True, use_bias=False), 3),
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_an_attention_gives_what_keras_gives(name):
    factory, count = ATTENTIONS[name]
    shapes = [(5, 8), (6, 8), (6, 8)] if name.startswith("grouped") else [(5, 8), (6, 7), (6, 9)]
    shapes = shapes[:count]
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, factory()(*(inputs * 2 if count == 1 else inputs)))
    assert_same_as_keras(model, [pictures(2, *shape, seed=shape[0]) for shape in shapes], scattered=True)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)], ids=str)
def test_attention_over_pictures_gives_what_keras_gives(axes):
    inputs = keras.Input((3, 4, 8))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 4, attention_axes=axes)(inputs, inputs))
    assert_same_as_keras(model, pictures(2, 3, 4, 8))


CALLS_OF_ATTENTION = {
    "by name": lambda layer, x: layer(query=x, value=x),
    "by name in another order": lambda layer, x: layer(key=x[:, :3], value=x[:, 1:4], query=x),
    "causal": lambda layer, x: layer(x, x, use_causal_mask=True),
    "causal over others": lambda layer, x: layer(x, x[:, :3], use_causal_mask=True),
    "mask of pairs": lambda layer, x: layer(x, value=x, attention_mask=PAIRS(x)),
    "both masks": lambda layer, x: layer(x, x, attention_mask=PAIRS(x), use_causal_mask=True),
    "settings without effect": lambda layer, x: layer(x, x, return_attention_scores=False, training=True),
}


def PAIRS(x):  # noqa: N802
    """Which pairs of positions may attend; one row of them may nowhere."""
    return keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1))) > 0.5


@pytest.mark.parametrize("name", CALLS_OF_ATTENTION)
def test_attention_may_be_called_in_every_way(name):
    inputs = keras.Input((5, 8))
    layer = layers.MultiHeadAttention(2, 4)
    first = CALLS_OF_ATTENTION[name](layer, inputs)
    model = keras.Model(inputs, layers.Add()([first, layer(inputs, inputs)]))
    assert_same_as_keras(model, pictures(2, 5, 8))


@pytest.mark.parametrize(
    "call",
    [
        lambda layer, x: layer(x, x, return_attention_scores=True)[0],
        lambda layer, x: layer(x, x, query_mask=keras.ops.ones((1, 5), "bool")),
    ],
    ids=["scores", "mask of positions"],
)
def test_attention_asked_for_more_runs_as_itself(call):
    inputs = keras.Input((5, 8))
    model = keras.Model(inputs, call(layers.MultiHeadAttention(2, 4), inputs))
    assert_same_as_keras(model, pictures(2, 5, 8), runs_as_itself=["MultiHeadAttention"])


NOT_COVERED = {
    "channels first": lambda: layers.GlobalAveragePooling2D(data_format="channels_first"),
    "average pooling over a padded border": lambda: layers.AveragePooling2D(3, 2, padding="same"),
    "average pooling over an uneven border": lambda: layers.AveragePooling2D(2, 1, padding="same"),
    "batch renormalization": lambda: layers.BatchNormalization(renorm=True),
    "resizing with a border": lambda: layers.Resizing(12, 6, pad_to_aspect_ratio=True),
    "activity regularization": lambda: layers.ActivityRegularization(l2=0.1),
    "regularized activity": lambda: layers.Dense(3, activity_regularizer="l2"),
    "spectral normalization": lambda: layers.SpectralNormalization(layers.Dense(3)),
}


@pytest.mark.parametrize("shape", [PICTURE, ODD], ids=["even", "odd"])
@pytest.mark.parametrize("name", NOT_COVERED)
def test_what_a_rule_does_not_cover_runs_as_itself(name, shape):
    layer = NOT_COVERED[name]()
    assert_same_as_keras(model_of(layer, shape), pictures(2, *shape), runs_as_itself=[type(layer).__name__])


def test_a_merge_of_different_ranks_gives_what_keras_gives():
    """As where a gate for each channel is multiplied into a picture."""
    for kind in (layers.Add, layers.Multiply, layers.Average):
        for shapes in (((6, 4), (4,)), ((5, 6, 4), (4,)), ((6, 4), (5, 6, 4))):
            model = model_of(kind(), *shapes)
            assert_same_as_keras(model, [pictures(2, *shape, seed=len(shape)) for shape in shapes])


def test_regularized_activity_within_attention_is_kept():
    inputs = keras.Input((5, 8))
    model = keras.Model(inputs, layers.MultiHeadAttention(2, 4, activity_regularizer="l2")(inputs, inputs))
    lower(model)(pictures(2, 5, 8), training=True)
    assert len(model.losses) == 4


def test_quantized_weights_are_left_to_keras():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.ReLU()])
    model.layers[0].quantize("int8")
    net = lower(model)
    assert [row.kind for row in net.report() if not row.lowered] == ["Dense"]
    torch.testing.assert_close(net(pictures(2, 6)), model(pictures(2, 6)))


def test_low_rank_adapters_are_left_to_keras():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.ReLU()])
    model.layers[0].enable_lora(2)
    scatter_weights(model)
    assert_same_as_keras(model, pictures(2, 6), runs_as_itself=["Dense"])


def test_integer_pictures_are_resized_to_integers():
    for mode in ("bilinear", "nearest", "bicubic"):
        model = model_of(layers.Resizing(5, 7, interpolation=mode, dtype="uint8"), (8, 9, 3), dtype="uint8")
        images = torch.randint(0, 256, (2, 8, 9, 3), dtype=torch.uint8)
        torch.testing.assert_close(lower(model)(images), model(images))


@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_layer_behind_a_bfloat16_convolution_stays_near_float32(name):
    """On the average of all numbers: a unit near a threshold may fall on its other side."""
    model = keras.Sequential([keras.Input(PICTURE), layers.Conv2D(4, 1), OF_PICTURES[name]()])
    scatter_weights(model)
    images = pictures(3, *PICTURE)
    found, expected = (lower(model, dtype)(images, training=True) for dtype in ("bfloat16", "float32"))
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.02 * expected.abs().max()
    weighted_sum(found).backward()


def attending(x):
    return layers.MultiHeadAttention(2, 4, use_gate=True)(x, x)


CAST_ONCE = {
    "separable": (lambda: layers.SeparableConv2D(5, 3), PICTURE),
    "transposed": (lambda: layers.Conv2DTranspose(5, 3, strides=2), PICTURE),
    "convolution of sequences": (lambda: layers.Conv1D(5, 3), SEQUENCE),
    "depthwise of sequences": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), SEQUENCE),
    "transposed of sequences": (lambda: layers.Conv1DTranspose(5, 3, strides=2), SEQUENCE),
    "einsum": (lambda: layers.EinsumDense("btc,cnd->btnd", (None, 3, 2), bias_axes="nd"), SEQUENCE),
    "attention": (lambda: attending, SEQUENCE),
}


@pytest.mark.parametrize("name", CAST_ONCE)
def test_weights_cast_once_a_step_get_the_gradients_of_weights_cast_at_every_use(name):
    factory, shape = CAST_ONCE[name]
    inputs = keras.Input(shape)
    model = keras.Model(inputs, factory()(inputs))
    scatter_weights(model)
    net, data = lower(model, "bfloat16"), pictures(3, *shape)
    ids = [id(variable.value) for variable in model.trainable_variables]
    at_every_use = gradients(net(data, training=True), [], model.trainable_variables)
    expected = dict(zip(ids, at_every_use, strict=True))
    ready = net.cast_weights(set(ids))
    assert {id(weight.master) for weight in ready} == set(expected)
    found = torch.autograd.grad(weighted_sum(net(data, training=True)), [weight.value for weight in ready])
    for weight, gradient in zip(ready, found, strict=True):
        torch.testing.assert_close(weight.gradient_of_master(gradient).float(), expected[id(weight.master)])


@pytest.mark.parametrize(
    ("layer", "coupled"),
    [
        (layers.LayerNormalization(), False),
        (layers.Softmax(), False),
        (layers.Softmax(axis=0), True),
        (layers.UnitNormalization(axis=-2), True),
        (layers.BatchNormalization(), True),
    ],
    ids=str,
)
def test_a_layer_that_lets_pictures_of_a_batch_touch_says_so(layer, coupled):
    (operation,) = lower(model_of(layer, (6,))).operations
    assert operation.couples_images == coupled
