"""`tellapart.fit` means what `keras.Model.fit` means: data, losses, metrics, models, and what is left behind."""

import warnings

import numpy as np
import pytest
import torch
from keras_oracle import (
    INDICES,
    ONE_HOT,
    PICTURES,
    VALIDATION,
    WEIGHTS,
    assert_same_as_keras,
    assert_same_history,
    assert_same_optimizer,
    assert_same_weights,
    compiled,
    keras,
    small_network,
    trained_twice,
)

import tellapart
from tellapart.errors import ModelError
from tellapart.training.keras_metrics import NativeMetrics, metrics_of
from tellapart.training.loss import native_loss

layers, losses, metrics, ops = keras.layers, keras.losses, keras.metrics, keras.ops


def wide_cubes(targets, output):
    """A loss of the user's own."""
    return ops.mean(ops.abs(targets - output) ** 3, axis=-1)


# Losses: name -> (loss, the targets it takes, the last activation, whether it runs natively).
LOSSES = {
    "one-hot by name": ("categorical_crossentropy", ONE_HOT, "softmax", True),
    "one-hot by class name": ("CategoricalCrossentropy", ONE_HOT, "softmax", True),
    "one-hot function": (losses.categorical_crossentropy, ONE_HOT, "softmax", True),
    "one-hot object": (losses.CategoricalCrossentropy(), ONE_HOT, "softmax", True),
    "one-hot, smoothed": (losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT, "softmax", True),
    "one-hot, of logits": (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT, None, True),
    "one-hot, smoothed, of logits": (
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        ONE_HOT,
        None,
        True,
    ),
    "one-hot integers": ("categorical_crossentropy", ONE_HOT.astype(int), "softmax", True),
    "one-hot booleans": ("categorical_crossentropy", ONE_HOT.astype(bool), "softmax", True),
    "one-hot in float64": ("categorical_crossentropy", ONE_HOT.astype(float), "softmax", True),
    "sparse by name": ("sparse_categorical_crossentropy", INDICES, "softmax", True),
    "sparse in a column": ("sparse_categorical_crossentropy", INDICES[:, None], "softmax", True),
    "sparse bytes": ("sparse_categorical_crossentropy", INDICES.astype("uint8"), "softmax", True),
    "sparse floats": ("sparse_categorical_crossentropy", INDICES.astype("float32"), "softmax", True),
    "sparse function": (losses.sparse_categorical_crossentropy, INDICES, "softmax", True),
    "sparse object": (losses.SparseCategoricalCrossentropy(), INDICES, "softmax", True),
    "sparse of logits": (losses.SparseCategoricalCrossentropy(from_logits=True), INDICES, None, True),
    "sparse, a class ignored": (
        losses.SparseCategoricalCrossentropy(ignore_class=1),
        INDICES,
        "softmax",
        False,
    ),
    "one-hot, summed": (losses.CategoricalCrossentropy(reduction="sum"), ONE_HOT, "softmax", False),
    "crossentropy, kind left to Keras": ("crossentropy", ONE_HOT, "softmax", False),
    "focal": ("categorical_focal_crossentropy", ONE_HOT, "softmax", False),
    "binary": ("binary_crossentropy", ONE_HOT, "sigmoid", True),
    "smoothed binary": (losses.BinaryCrossentropy(label_smoothing=0.1), ONE_HOT, "sigmoid", True),
    "binary of logits": (losses.BinaryCrossentropy(from_logits=True), ONE_HOT, None, False),
    "mean squared error": ("mse", ONE_HOT, None, False),
    "the user's own": (wide_cubes, ONE_HOT, "softmax", False),
    "a list of one": (["categorical_crossentropy"], ONE_HOT, "softmax", False),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_gives_what_keras_gives(name):
    loss, targets, activation, natively = LOSSES[name]
    model, _ = assert_same_as_keras(
        lambda: compiled(small_network(activation), loss=loss), PICTURES, targets, sample_weight=WEIGHTS
    )
    assert (native_loss(model) is not None) == natively


def test_a_loss_keeps_to_an_epsilon_that_was_set():
    keras.config.set_epsilon(0.3)
    try:
        assert_same_as_keras(lambda: compiled(small_network()), PICTURES, ONE_HOT)
    finally:
        keras.config.set_epsilon(1e-7)


def test_a_weighted_loss_gives_what_keras_gives():
    assert_same_as_keras(lambda: compiled(small_network(), loss_weights=[0.25]), PICTURES, ONE_HOT)


def test_a_loss_named_by_its_output_gives_what_keras_gives():
    assert_same_as_keras(
        lambda: functional(layers.Conv2D(4, 3), loss={"kind": "categorical_crossentropy"}), PICTURES, ONE_HOT
    )


def test_a_model_without_a_loss_learns_from_its_layers_losses():
    class KeepSmall(layers.Layer):
        def call(self, x):
            self.add_loss(ops.mean(x**2))
            return x

    def build():
        model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), KeepSmall()])
        return compiled(model, loss=None, metrics=None)

    _, history = assert_same_as_keras(build, PICTURES)
    assert history.history["loss"][1] < history.history["loss"][0]


class MeanConfidence(metrics.Metric):
    """A metric of the user's own, with a state."""

    def __init__(self, name="confidence"):
        super().__init__(name=name)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.batches = self.add_variable(shape=(), initializer="zeros", name="batches")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.mean(ops.max(y_pred, axis=-1)))
        self.batches.assign_add(1.0)

    def result(self):
        return self.total / self.batches


def spread(y_true, y_pred):
    return ops.std(y_pred, axis=-1)


# Metrics: name -> (what makes them, whether the targets are indices, whether they are counted natively).
METRICS = {
    "none": (lambda: None, False, True),
    "accuracy": (lambda: ["accuracy"], False, True),
    "acc": (lambda: ["acc"], False, True),
    "sparse accuracy": (lambda: ["accuracy"], True, True),
    "accuracy by its name": (lambda: ["categorical_accuracy"], False, True),
    "sparse accuracy by its name": (lambda: ["sparse_categorical_accuracy"], True, True),
    "accuracy object": (lambda: [metrics.CategoricalAccuracy("right")], False, True),
    "sparse accuracy object": (lambda: [metrics.SparseCategoricalAccuracy()], True, True),
    "two accuracies": (lambda: ["accuracy", metrics.CategoricalAccuracy("right")], False, True),
    "the same accuracy twice": (lambda: ["accuracy", "accuracy"], False, False),
    "binary accuracy": (lambda: [metrics.BinaryAccuracy()], False, False),
    "top 2": (lambda: [metrics.TopKCategoricalAccuracy(2)], False, False),
    "sparse top 2": (lambda: [metrics.SparseTopKCategoricalAccuracy(2)], True, False),
    "area under the curve": (lambda: [metrics.AUC(name="area")], False, False),
    "F1": (lambda: [metrics.F1Score("macro")], False, False),
    "precision and recall": (
        lambda: [metrics.Precision(name="found"), metrics.Recall(name="met")],
        False,
        False,
    ),
    "mean squared error": (lambda: ["accuracy", "mse"], False, False),
    "the user's function": (lambda: [spread], False, False),
    "the user's class": (lambda: [MeanConfidence()], False, False),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_gives_what_keras_gives(name):
    made, sparse, natively = METRICS[name]
    targets = INDICES if sparse else ONE_HOT
    loss = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    model, _ = assert_same_as_keras(
        lambda: compiled(small_network(), loss=loss, metrics=made()),
        PICTURES,
        targets,
        validation_data=(PICTURES[:15], targets[:15]),
    )
    assert isinstance(metrics_of(model), NativeMetrics) == natively


@pytest.mark.parametrize("kind", ["accuracy", "mse"])
def test_weighted_metrics_give_what_keras_gives(kind):
    assert_same_as_keras(
        lambda: compiled(small_network(), weighted_metrics=[kind]), PICTURES, ONE_HOT, sample_weight=WEIGHTS
    )


def test_a_metric_of_a_layer_gives_what_keras_gives():
    class Watched(layers.Layer):
        def __init__(self):
            super().__init__()
            self.brightness = metrics.Mean(name="brightness")

        def call(self, x):
            self.brightness.update_state(x)
            return x

    def build():
        parts = [keras.Input((8, 8, 3)), Watched(), layers.Flatten(), layers.Dense(3, activation="softmax")]
        return compiled(keras.Sequential(parts))

    _, history = assert_same_as_keras(build, PICTURES, ONE_HOT)
    assert "brightness" in history.history


# Truth for every pixel, all of them in a row, since Keras's sparse loss takes no rows and columns on torch.
PIXEL_INDICES = np.random.default_rng(1).integers(0, 3, (26, 64))


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ("categorical_crossentropy", np.eye(3, dtype="float32")[PIXEL_INDICES]),
        ("sparse_categorical_crossentropy", PIXEL_INDICES),
        ("sparse_categorical_crossentropy", PIXEL_INDICES[..., None]),
    ],
    ids=["one-hot", "sparse", "sparse in a column"],
)
def test_a_class_for_every_pixel_gives_what_keras_gives(loss, targets):
    def build():
        parts = [keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", activation="softmax")]
        return compiled(keras.Sequential([*parts, layers.Reshape((64, 3))]), loss=loss)

    assert_same_as_keras(build, PICTURES, targets)


# The arguments of fit.
def one_network():
    return compiled(small_network())


def sparse_network():
    return compiled(small_network(), loss="sparse_categorical_crossentropy")


OPTIONS = {
    "class weights": {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    "sample weights": {"sample_weight": WEIGHTS},
    "sample weights in a column": {"sample_weight": WEIGHTS[:, None]},
    "whole sample weights": {"sample_weight": np.arange(26) % 3},
    "validation data": {"validation_data": VALIDATION},
    "weighted validation data": {"validation_data": (*VALIDATION, WEIGHTS[:13])},
    "validation in larger batches": {"validation_data": VALIDATION, "validation_batch_size": 11},
    "validation for one step": {"validation_data": VALIDATION, "validation_steps": 1},
    "a validation split": {"validation_split": 0.3},
    "a weighted validation split": {"validation_split": 0.3, "sample_weight": WEIGHTS},
    "validation every second epoch": {"validation_data": VALIDATION, "validation_freq": 2, "epochs": 4},
    "validation after chosen epochs": {"validation_data": VALIDATION, "validation_freq": [1, 3], "epochs": 3},
    "a later first epoch": {"initial_epoch": 3, "epochs": 5},
    "no epoch left": {"initial_epoch": 2, "epochs": 2},
    "shuffling": {"shuffle": True, "epochs": 3},
    "fewer steps than batches": {"steps_per_epoch": 2},
    "one batch of everything": {"batch_size": 64},
    "Keras's own batch size": {"batch_size": None},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_argument_means_what_keras_means(name):
    assert_same_as_keras(one_network, PICTURES, ONE_HOT, **OPTIONS[name])


@pytest.mark.parametrize(
    "name", ["class weights", "sample weights in a column", "a weighted validation split"]
)
def test_an_argument_means_the_same_for_a_sparse_loss(name):
    assert_same_as_keras(sparse_network, PICTURES, INDICES, **OPTIONS[name])


def test_arguments_may_be_given_by_position():
    keras.utils.set_random_seed(1)
    history = tellapart.fit(one_network(), PICTURES, ONE_HOT, 20, 3, 0)
    assert len(history.epoch) == 3


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_prints_every_epoch(verbose, capsys):
    tellapart.fit(one_network(), PICTURES, ONE_HOT, epochs=2, verbose=verbose)
    printed = capsys.readouterr().out
    assert "Epoch 1/2" in printed
    assert "accuracy" in printed
    assert "loss" in printed


def test_verbose_0_prints_nothing(capsys):
    tellapart.fit(one_network(), PICTURES, ONE_HOT, verbose=0)
    assert capsys.readouterr().out == ""


# Kinds of data.
def batches(count=7, weighted=False):
    """A generator, endless as Keras allows."""
    while True:
        for start in range(0, 26, count):
            rows = slice(start, start + count)
            yield (
                (PICTURES[rows], ONE_HOT[rows], WEIGHTS[rows])
                if weighted
                else (PICTURES[rows], ONE_HOT[rows])
            )


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return PICTURES[9 * index : 9 * index + 9], ONE_HOT[9 * index : 9 * index + 9].astype("float64")


def torch_loader():
    pairs = torch.utils.data.TensorDataset(torch.from_numpy(PICTURES), torch.from_numpy(ONE_HOT).double())
    return torch.utils.data.DataLoader(pairs, batch_size=9)


DATA = {
    "a generator": (batches, {"steps_per_epoch": 4}),
    "a generator with weights": (lambda: batches(weighted=True), {"steps_per_epoch": 4}),
    "a PyDataset": (Pairs, {}),
    "a PyDataset with class weights": (Pairs, {"class_weight": {0: 2.0, 1: 1.0, 2: 0.5}}),
    "a torch DataLoader": (torch_loader, {}),
    "validation by a DataLoader": (torch_loader, {"validation_data": torch_loader}),
    "validation by a PyDataset": (Pairs, {"validation_data": Pairs}),
}


@pytest.mark.parametrize("name", DATA)
def test_data_of_any_kind_give_what_keras_gives(name):
    data, options = DATA[name]
    assert_same_as_keras(one_network, data, batch_size=None, **options)


def test_torch_tensors_give_what_keras_gives():
    assert_same_as_keras(one_network, torch.from_numpy(PICTURES), torch.from_numpy(ONE_HOT))


def test_bytes_for_pixels_give_what_keras_gives():
    def build():
        pixels = keras.Input((8, 8, 3), dtype="uint8")
        x = layers.Flatten()(layers.Rescaling(1 / 255)(pixels))
        return compiled(keras.Model(pixels, layers.Dense(3, activation="softmax")(x)))

    pixels = np.random.default_rng(0).integers(0, 256, PICTURES.shape, np.uint8)
    assert_same_as_keras(build, pixels, ONE_HOT)
    assert_same_as_keras(one_network, pixels, ONE_HOT)


def test_gray_pictures_without_a_channel_axis_give_what_keras_gives():
    def build():
        gray = [keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(3, "softmax")]
        return compiled(keras.Sequential(gray))

    assert_same_as_keras(build, PICTURES[..., 0], ONE_HOT)


# Kinds of models.
def functional(parts, **options):
    """A classifier around `parts`, a function from the picture's tensor to another."""
    picture = keras.Input((8, 8, 3))
    outputs = layers.Dense(3, activation="softmax", name="kind")(layers.Flatten()(parts(picture)))
    return compiled(keras.Model(picture, outputs), **options)


def with_regularizers():
    return functional(
        lambda x: layers.Conv2D(4, 3, kernel_regularizer="l2", bias_regularizer="l1")(x), optimizer="sgd"
    )


def with_an_activity_regularizer_on_a_shared_layer():
    def parts(x):
        shared = layers.Conv2D(3, 3, padding="same", activity_regularizer="l2")
        return shared(shared(x))

    return functional(parts)


def with_constraints():
    return functional(lambda x: layers.Conv2D(4, 3, kernel_constraint=keras.constraints.MaxNorm(0.3))(x))


def with_a_frozen_layer():
    return functional(lambda x: layers.Conv2D(4, 3)(layers.Conv2D(3, 1, trainable=False)(x)))


def with_batch_statistics():
    """Without a bias before them, whose gradient would be rounding errors alone."""
    return functional(
        lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(x)))
    )


def with_frozen_batch_statistics():
    return functional(lambda x: layers.Conv2D(4, 3)(layers.BatchNormalization(trainable=False)(x)))


def with_a_model_inside():
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    )
    return functional(lambda x: layers.MaxPooling2D()(inner(x)))


def with_two_branches():
    def parts(x):
        left, right = layers.Conv2D(4, 3, padding="same")(x), layers.Conv2D(4, 1)(x)
        return layers.Concatenate()([layers.Add()([left, right]), ops.relu(x)])

    return functional(parts)


def with_the_loss_of_a_layer_called_twice():
    class KeepSmall(layers.Layer):
        def call(self, x):
            self.add_loss(0.1 * ops.mean(x**2))
            return x

    def parts(x):
        keep_small = KeepSmall()
        return keep_small(layers.Conv2D(4, 3)(keep_small(layers.Conv2D(4, 1)(x))))

    return functional(parts)


def with_a_layer_that_hides_its_training():
    """Its parts learn that they are training from the model's call alone."""

    class Hidden(layers.Layer):
        def __init__(self):
            super().__init__()
            self.normalize, self.drop = layers.BatchNormalization(), layers.Dropout(0.5, seed=7)

        def call(self, x):
            return self.drop(self.normalize(x))

    return functional(lambda x: Hidden()(x))


def with_a_mask_of_its_own():
    class Bright(layers.Layer):
        supports_masking = True

        def compute_mask(self, x, mask=None):
            return ops.any(ops.reshape(x, (-1, 192)) > 2.5, axis=-1)

        def call(self, x):
            return ops.reshape(x, (-1, 192))

    picture = keras.Input((8, 8, 3))
    outputs = layers.Dense(3, activation="softmax")(Bright()(picture))
    return compiled(keras.Model(picture, outputs))


def with_a_mask_from_a_model_inside():
    inner = keras.Sequential([keras.Input((192,)), layers.Masking(), layers.Dense(4)])
    picture = keras.Input((8, 8, 3))
    outputs = layers.Dense(3, activation="softmax")(inner(layers.Flatten()(layers.ReLU()(picture))))
    return compiled(keras.Model(picture, outputs))


class OwnCall(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten, self.drop = layers.Flatten(), layers.Dropout(0.3, seed=7)
        self.dense = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.dense(self.drop(self.flatten(x)))


class OwnLoss(keras.Model):
    """Tells training from testing, and says less than Keras: nothing of regularizers."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean((y - y_pred) ** 2) * (1 if training else 10)


class OlderOwnLoss(keras.Model):
    def compute_loss(self, x, y, y_pred, sample_weight):
        return 2 * super().compute_loss(x, y, y_pred, sample_weight)


class OwnMetrics(keras.Model):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "confidence": ops.max(y_pred)}


class OwnTest(keras.Model):
    def test_step(self, data):
        return {"always": 7.0}


def of_class(kind):
    def build():
        picture = keras.Input((8, 8, 3))
        outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(layers.Conv2D(4, 3)(picture)))
        return compiled(kind(picture, outputs))

    return build


MODELS = {
    "regularizers": with_regularizers,
    "an activity regularizer on a shared layer": with_an_activity_regularizer_on_a_shared_layer,
    "constraints": with_constraints,
    "a frozen layer": with_a_frozen_layer,
    "batch statistics": with_batch_statistics,
    "frozen batch statistics": with_frozen_batch_statistics,
    "a model inside": with_a_model_inside,
    "two branches": with_two_branches,
    "the loss of a layer called twice": with_the_loss_of_a_layer_called_twice,
    "a layer that hides its training": with_a_layer_that_hides_its_training,
    "a mask of its own": with_a_mask_of_its_own,
    "a mask from a model inside": with_a_mask_from_a_model_inside,
    "a call of its own": lambda: compiled(OwnCall()),
    "a loss of its own": of_class(OwnLoss),
    "a loss of its own, unaware of training": of_class(OlderOwnLoss),
    "metrics of its own": of_class(OwnMetrics),
    "a test step of its own": of_class(OwnTest),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_with_it_trains_as_under_keras(name):
    assert_same_as_keras(MODELS[name], PICTURES, ONE_HOT, epochs=3, validation_data=VALIDATION)


def test_a_sequential_that_is_not_built_trains_as_under_keras():
    def build():
        return compiled(keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")]))

    assert_same_as_keras(build, PICTURES, ONE_HOT)


def test_a_model_that_is_frozen_whole_only_scores():
    def build():
        model = one_network()
        model.trainable = False
        return model

    (_, expected), (_, actual) = trained_twice(build, PICTURES, ONE_HOT)
    assert_same_history(actual, expected, 1e-6)
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        tellapart.fit(build(), PICTURES, ONE_HOT, verbose=0)


def test_a_weight_that_the_loss_does_not_reach_stays_and_is_named():
    class Idle(layers.Layer):
        def build(self, shape):
            self.idle = self.add_weight(shape=(3,), initializer="ones", name="idle")

        def call(self, x):
            return x

    def build():
        return functional(lambda x: layers.Conv2D(4, 3)(Idle()(x)), optimizer="adam")

    with pytest.warns(UserWarning, match="idle"):
        assert_same_as_keras(build, PICTURES, ONE_HOT)


@pytest.mark.parametrize("named", [True, False], ids=["a dictionary", "a list"])
def test_one_output_in_a_container_gives_what_keras_gives(named):
    def build():
        picture = keras.Input((8, 8, 3))
        output = layers.Dense(3, activation="softmax", name="kind")(layers.Flatten()(picture))
        return compiled(keras.Model(picture, {"kind": output} if named else [output]))

    assert_same_as_keras(build, PICTURES, {"kind": ONE_HOT} if named else ONE_HOT)


def two_headed():
    """Two inputs, two outputs, all by name."""
    picture, size = keras.Input((8, 8, 3), name="picture"), keras.Input((1,), name="size")
    x = layers.Concatenate()([layers.Flatten()(layers.Conv2D(4, 3)(picture)), size])
    kind = layers.Dense(3, activation="softmax", name="kind")(x)
    weight = layers.Dense(1, name="weight")(x)
    return keras.Model({"picture": picture, "size": size}, {"kind": kind, "weight": weight})


@pytest.mark.parametrize("loss_weights", [None, {"kind": 1.0, "weight": 0.1}], ids=["equal", "weighted"])
def test_two_inputs_and_two_outputs_give_what_keras_gives(loss_weights):
    def build():
        return compiled(
            two_headed(),
            loss={"kind": "categorical_crossentropy", "weight": "mse"},
            metrics=None,
            loss_weights=loss_weights,
            weighted_metrics={"kind": ["accuracy"], "weight": ["mae"]},
        )

    x = {"picture": PICTURES, "size": WEIGHTS[:, None]}
    y = {"kind": ONE_HOT, "weight": 3 * WEIGHTS[:, None]}
    assert_same_as_keras(build, x, y, validation_data=(x, y))


def test_an_input_left_out_gives_what_keras_gives():
    class AddIfThere(layers.Layer):
        def call(self, x, more=None):
            return x if more is None else x + more

    def build():
        picture, more = keras.Input((8, 8, 3)), keras.Input((8, 8, 3), optional=True)
        x = layers.Flatten()(AddIfThere()(picture, more))
        return compiled(keras.Model([picture, more], layers.Dense(3, activation="softmax")(x)))

    assert_same_as_keras(build, lambda: [PICTURES, None], ONE_HOT)
    assert_same_as_keras(build, lambda: [PICTURES, PICTURES], ONE_HOT)


def test_a_train_step_of_its_own_is_left_to_keras_with_a_warning():
    class OwnStep(keras.Model):
        def train_step(self, data):
            return {**super().train_step(data), "own": 1.0}

    with pytest.warns(UserWarning, match="OwnStep overrides train_step"):
        _, history = assert_same_as_keras(of_class(OwnStep), PICTURES, ONE_HOT)
    assert history.history["own"] == [1.0, 1.0]


def test_a_training_argument_in_the_graph_counts_as_little_as_under_keras():
    """Keras's `fit` tells every layer that it trains, whatever the graph says."""

    def parts(x):
        inner = keras.Sequential([keras.Input((8, 8, 3)), layers.BatchNormalization()])
        return layers.Add()([inner(x, training=False), layers.BatchNormalization()(x, training=False)])

    assert_same_as_keras(lambda: functional(parts), PICTURES + 5, ONE_HOT, validation_data=VALIDATION)


def test_dropout_drops_in_training_and_not_in_validation():
    def build():
        return functional(
            lambda x: layers.Dropout(0.9)(layers.Conv2D(8, 3)(x)), optimizer=keras.optimizers.SGD(0.0)
        )

    history = tellapart.fit(build(), PICTURES, ONE_HOT, verbose=0, validation_data=(PICTURES, ONE_HOT))
    assert history.history["loss"][0] > history.history["val_loss"][0] + 0.1


# Precision.
@pytest.fixture
def mixed_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.usefixtures("mixed_bfloat16")
@pytest.mark.parametrize("build", [one_network, with_batch_statistics, with_a_model_inside])
def test_mixed_bfloat16_trains_close_to_keras(build):
    (_, expected), (model, actual) = trained_twice(
        build, PICTURES, ONE_HOT, epochs=4, validation_data=VALIDATION
    )
    np.testing.assert_allclose(actual.history["loss"], expected.history["loss"], rtol=0.02)
    np.testing.assert_allclose(actual.history["val_loss"], expected.history["val_loss"], rtol=0.02)
    assert actual.history["loss"][-1] < actual.history["loss"][0]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} == {"bfloat16"}


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weights_in_half_precision_learn_as_under_keras(policy, optimizer):
    """To a few steps of the dtype, for the layers without weights run lowered."""

    def build():
        network = [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, use_bias=False, dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.ReLU(dtype=policy),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
        return compiled(keras.Sequential(network), optimizer)

    (theirs, expected), (ours, actual) = trained_twice(build, PICTURES, ONE_HOT, validation_data=VALIDATION)
    assert_same_history(actual, expected, 0.02)
    assert_same_weights(ours, theirs, 0.02)


# What is left behind.
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "adagrad"])
def test_a_second_fit_continues_the_first(optimizer):
    assert_same_as_keras(lambda: compiled(small_network(), optimizer), PICTURES, ONE_HOT, runs=2)


def test_keras_s_fit_continues_ours_and_ours_continues_keras_s():
    def train(*fits):
        keras.utils.set_random_seed(1)
        model = one_network()
        for fit in fits:
            fit(model, PICTURES, ONE_HOT, verbose=0, shuffle=False)
        return model

    expected = train(keras.Model.fit, keras.Model.fit)
    for model in [train(tellapart.fit, keras.Model.fit), train(keras.Model.fit, tellapart.fit)]:
        assert_same_weights(model, expected, 1e-5)
        assert_same_optimizer(model.optimizer, expected.optimizer, 1e-5)


def test_a_layer_unfrozen_and_compiled_anew_learns():
    def build():
        model = with_a_frozen_layer()
        model.fit(PICTURES, ONE_HOT, verbose=0, shuffle=False)
        model.layers[1].trainable = True
        return compiled(model, keras.optimizers.SGD(0.1))

    model, _ = assert_same_as_keras(build, PICTURES, ONE_HOT)
    assert len(model.trainable_variables) == 6


def test_the_model_is_keras_s_again_afterward():
    model = one_network()
    history = tellapart.fit(model, PICTURES, ONE_HOT, verbose=0, validation_data=(PICTURES, ONE_HOT))
    assert model.train_function is None
    assert model.test_function is None
    scores = model.evaluate(PICTURES, ONE_HOT, verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(history.history["val_loss"][0], rel=1e-5)
    assert model.predict(PICTURES, verbose=0).shape == (26, 3)


def test_the_model_is_keras_s_again_after_an_error():
    def fail(batch, logs):
        raise RuntimeError("stop here")

    model = one_network()
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(RuntimeError, match="stop here"):
        tellapart.fit(model, PICTURES, ONE_HOT, verbose=0, callbacks=[callback])
    assert model.train_function is None


def test_a_saved_model_goes_on_learning(tmp_path):
    """Weights and the optimizer's state travel through a .keras file."""
    (theirs, _), _ = trained_twice(one_network, PICTURES, ONE_HOT, runs=2)
    _, (ours, _) = trained_twice(one_network, PICTURES, ONE_HOT)
    ours.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    tellapart.fit(loaded, PICTURES, ONE_HOT, verbose=0, shuffle=False, batch_size=10, epochs=2)
    assert_same_weights(loaded, theirs, 1e-5)


# Input that cannot be meant.
def test_something_that_is_no_model_is_refused():
    with pytest.raises(ModelError, match=r"got ndarray.*tellapart\.fit\(model, x, y"):
        tellapart.fit(PICTURES, ONE_HOT)


def without_metrics(loss="categorical_crossentropy"):
    return compiled(small_network(), loss=loss, metrics=None)


BAD_DATA = {
    "too few classes": (without_metrics, PICTURES, ONE_HOT[:, :2]),
    "too many classes": (without_metrics, PICTURES, np.eye(5, dtype="float32")[INDICES]),
    "indices for a one-hot loss": (without_metrics, PICTURES, INDICES),
    "one-hot rows for a sparse loss": (
        lambda: without_metrics("sparse_categorical_crossentropy"),
        PICTURES,
        ONE_HOT,
    ),
    "fewer labels than pictures": (without_metrics, PICTURES, ONE_HOT[:20]),
    "no labels": (without_metrics, PICTURES, None),
    "pictures of another size": (without_metrics, PICTURES[:, :5], ONE_HOT),
    "pictures of another depth": (without_metrics, PICTURES[..., :2], ONE_HOT),
    "no pictures": (without_metrics, PICTURES[:0], ONE_HOT[:0]),
    "nothing": (without_metrics, None, None),
    "another rank": (without_metrics, PICTURES[0], ONE_HOT[:8]),
    "words for labels": (without_metrics, PICTURES, np.array(["cat"] * 26)),
    "objects for labels": (without_metrics, PICTURES, np.array([object()] * 26)),
    "words for pictures": (without_metrics, np.array(["cat"] * 26), ONE_HOT),
    "lists of words": (without_metrics, ["cat"], ["dog"]),
    "labels by a wrong name": (without_metrics, PICTURES, {"kind": ONE_HOT}),
    "two lists of labels": (without_metrics, PICTURES, [ONE_HOT, ONE_HOT]),
    "a model that is not compiled": (small_network, PICTURES, ONE_HOT),
    "several steps per execution": (
        lambda: compiled(small_network(), steps_per_execution=4),
        PICTURES,
        ONE_HOT,
    ),
    **{
        f"the label {label} of 3 classes{kind}": (
            loss,
            PICTURES,
            np.where(np.arange(26) == 17, label, INDICES),
        )
        for label in (3, 1000, -1, -4, np.nan)
        for kind, loss in (
            ("", lambda: without_metrics("sparse_categorical_crossentropy")),
            (
                " by logits",
                lambda: without_metrics(keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
            ),
        )
    },
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_that_do_not_fit_raise_keras_s_own_error(name):
    build, x, y = BAD_DATA[name]
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever Keras raises is the oracle
        build().fit(x, y, verbose=0)
    with pytest.raises(expected.type) as actual:
        tellapart.fit(build(), x, y, verbose=0)
    assert without_addresses(actual.value) == without_addresses(expected.value)


def without_addresses(error):
    """The message without the numbers that Keras puts into layers' names."""
    return "".join(letter for letter in str(error) if not letter.isdigit())


def test_validation_pictures_of_another_size_raise_keras_s_own_error():
    """In words that name the layer, although our own operation of it met them first."""
    messages = []
    for fit in (keras.Model.fit, tellapart.fit):
        with pytest.raises(RuntimeError, match=r"(?s)Conv2D\.call.*Kernel size") as error:
            fit(one_network(), PICTURES, ONE_HOT, verbose=0, validation_data=(PICTURES[:, :4], ONE_HOT))
        messages.append(without_addresses(error.value))
    assert messages[0] == messages[1]


def test_a_label_to_ignore_is_no_label_out_of_range():
    targets = np.where(np.arange(26) == 17, -1, INDICES)
    loss = keras.losses.SparseCategoricalCrossentropy
    assert_same_as_keras(
        lambda: compiled(small_network(), loss=loss(ignore_class=-1), metrics=None), PICTURES, targets
    )


def test_a_layer_unfrozen_but_not_compiled_anew_raises_keras_s_own_error():
    model = with_a_frozen_layer()
    tellapart.fit(model, PICTURES, ONE_HOT, verbose=0)
    model.layers[1].trainable = True
    with pytest.raises(ValueError, match="Unknown variable"):
        tellapart.fit(model, PICTURES, ONE_HOT, verbose=0)


def test_a_single_class_is_warned_of_as_under_keras():
    def build():
        return compiled(small_network(classes=1))

    with pytest.warns(SyntaxWarning, match="num_classes > 1"):
        tellapart.fit(build(), PICTURES, ONE_HOT[:, :1], verbose=0)


def test_an_ordinary_training_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tellapart.fit(one_network(), PICTURES, ONE_HOT, verbose=0, validation_data=VALIDATION)
