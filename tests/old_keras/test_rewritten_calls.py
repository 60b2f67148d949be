"""Each old form, and what it becomes: today's Keras, and nothing else in the script."""

import pytest

from tellapart.old_keras.modernize import modernized

HEAD = """import keras
from keras import backend as K
from keras import callbacks, layers, models, optimizers
OLD = layers.Dense(output_dim=3)
model = models.Sequential()
"""
KERAS_1 = HEAD.replace("OLD =", "FLAT = layers.Convolution2D(2, 1, 1, border_mode='same')\nOLD =")


def rewritten(line, head=HEAD):
    result = modernized(head + line + "\n", "script.py")
    assert modernized(result.text, "script.py").text == result.text, "a second time changes nothing"
    return result


def last_line(line, head=HEAD):
    return rewritten(line, head).text.splitlines()[-1]


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("layers.Dense(8, init='one', bias=b)", "layers.Dense(8, kernel_initializer='ones', use_bias=b)"),
        ("layers.Dense(output_dim=8, input_dim=4, bias=False)", "layers.Dense(units=8, input_dim=4, use_bias=False)"),
        ("layers.Dropout(p=0.5)", "layers.Dropout(rate=0.5)"),
        ("layers.MaxPooling2D(2, dim_ordering='th')", "layers.MaxPooling2D(2, data_format='channels_first')"),
        ("layers.AveragePooling2D(2, dim_ordering='default')", "layers.AveragePooling2D(2)"),
        ("layers.BatchNormalization(mode=0, axis=1)", "layers.BatchNormalization(axis=1)"),
        ("layers.LSTM(4, inner_init='zero', consume_less='gpu')", "layers.LSTM(4, recurrent_initializer='zeros')"),
        ("layers.LeakyReLU(alpha=0.3)", "layers.LeakyReLU(negative_slope=0.3)"),
        ("models.Model(input=a, output=b)", "models.Model(inputs=a, outputs=b)"),
        ("layers.core.Dense(3)", "layers.Dense(3)"),
        ("layers.advanced_activations.PReLU()", "layers.PReLU()"),
        ("keras.utils.np_utils.to_categorical(y, 3)", "keras.utils.to_categorical(y, 3)"),
        ("keras.objectives.mse", "keras.losses.mean_squared_error"),
        ("keras.constraints.maxnorm(m=2)", "keras.constraints.MaxNorm(max_value=2)"),
        ("layers.Dense(3, batch_input_shape=(None, 8, 4))", "layers.Dense(3, input_shape=(8, 4))"),
    ],
)  # fmt: skip
def test_layers_have_todays_names(old, today):
    assert last_line(f"x = {old}") == f"x = {today}"


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("layers.Convolution2D(32, 3, 3, border_mode='same')", "layers.Conv2D(32, (3, 3), padding='same')"),
        ("layers.Conv2D(32, 3, 5)", "layers.Conv2D(32, (3, 5))"),
        (
            "layers.Convolution2D(nb_filter=4, nb_row=3, nb_col=2)",
            "layers.Conv2D(filters=4, kernel_size=(3, 2))",
        ),
        (
            "layers.Convolution2D(n, k[0], k[1], subsample=(2, 2))",
            "layers.Conv2D(n, (k[0], k[1]), strides=(2, 2))",
        ),
        ("layers.Conv2D(32, 3)", "layers.Conv2D(32, 3)"),
        ("layers.Conv2D(32, (3, 3), (2, 2))", "layers.Conv2D(32, (3, 3), (2, 2))"),
        ("layers.Conv2D(32, 3, strides=2)", "layers.Conv2D(32, 3, strides=2)"),
    ],
)
def test_a_kernel_of_keras_1_is_one_argument(old, today):
    assert last_line(f"x = {old}", KERAS_1) == f"x = {today}"


def test_before_keras_1_layers_were_told_their_inputs():
    head = KERAS_1 + "classes = 10\n"
    assert last_line("x = layers.Convolution2D(64, 32, 3, 3)", head) == "x = layers.Conv2D(64, (3, 3))"
    assert last_line("x = layers.Dense(64*8*8, 512, init='normal')", head).startswith(
        "x = layers.Dense(512, kernel_"
    )
    assert last_line("x = layers.Dense(512, classes)", head) == "x = layers.Dense(classes)"
    assert last_line("x = layers.Dense(512, 'relu')", head) == "x = layers.Dense(512, 'relu')"


def test_two_numbers_are_kernel_and_strides_in_tensorflow_and_in_keras_3():
    for head in ("from tensorflow.keras import layers\n", "from keras import layers\n"):
        assert last_line("x = layers.Conv2D(32, 3, 2)", head) == "x = layers.Conv2D(32, 3, 2)"


def test_full_padding_is_a_layer_of_zeros():
    lines = rewritten(
        "model.add(layers.Convolution2D(8, 3, 5, border_mode='full', input_shape=(8, 8, 3)))"
    ).text
    assert lines.splitlines()[-2:] == [
        "model.add(keras.layers.ZeroPadding2D((2, 4), input_shape=(8, 8, 3)))",
        "model.add(layers.Conv2D(8, (3, 5)))",
    ]


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("optimizers.sgd(lr=0.1)", "optimizers.SGD(learning_rate=0.1)"),
        ("optimizers.Adam(lr=0.1, decay=0.0)", "optimizers.Adam(learning_rate=0.1)"),
        (
            "optimizers.SGD(lr=0.1, decay=1e-6, momentum=0.9)",
            "optimizers.SGD(learning_rate=keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=1, "
            "decay_rate=1e-6), momentum=0.9)",
        ),
        ("optimizers.Adadelta()", "optimizers.Adadelta(learning_rate=1.0)"),
        ("optimizers.Adam(0.1)", "optimizers.Adam(0.1)"),
    ],
)
def test_optimizers_keep_their_rate(old, today):
    assert last_line(f"x = {old}") == f"x = {today}"


def test_a_decaying_rate_is_what_decay_was():
    """Keras 1 and 2 took lr / (1 + decay * iterations)."""
    import keras

    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=1, decay_rate=0.25)
    assert [float(schedule(step)) for step in (0, 1, 4)] == pytest.approx([0.1, 0.08, 0.05])


def test_rates_of_tensorflows_optimizers_were_those_of_today():
    head = HEAD.replace("from keras", "from tensorflow.keras").replace(
        "import keras", "from tensorflow import keras"
    )
    assert last_line("x = optimizers.Adadelta()", head) == "x = optimizers.Adadelta()"
    assert "Adadelta" in last_line("model.compile(optimizer='adadelta', loss='mse')")


def test_rmsprops_epsilon_is_explained_above_the_line():
    assert "1e-14" in rewritten("opt = keras.optimizers.rmsprop(lr=0.1)").text.splitlines()[-2]
    assert "1e-14" not in rewritten("opt = keras.optimizers.RMSprop(0.1)").text


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ("model.fit(x, y, nb_epoch=3)", "tellapart.fit(model, x, y, epochs=3)"),
        ("model.fit(x, y, 32, 3, 1)", "tellapart.fit(model, x, y, 32, 3, 1)"),
        ("model.fit_generator(g, 5, 3, workers=4)", "tellapart.fit(model, g, steps_per_epoch=5, epochs=3)"),
        ("model.fit_generator(generator=g, epochs=3)", "tellapart.fit(model, x=g, epochs=3)"),
        ("model.fit_generator(g, steps_per_epoch=n / 9)", "tellapart.fit(model, g, steps_per_epoch=math.ceil(n / 9))"),
        ("model.fit_generator(g, steps_per_epoch=n // 32)", "tellapart.fit(model, g, steps_per_epoch=n // 32)"),
        ("s = model.evaluate_generator(g, n // 9)", "s = model.evaluate(g, steps=n // 9)"),
        ("p = model.predict_generator(g, steps=5, max_queue_size=3)", "p = model.predict(g, steps=5)"),
        ("p = model.predict_proba(x)", "p = model.predict(x)"),
        ("model.compile('sgd', 'mse', metrics=['acc'])", "model.compile('sgd', 'mse', metrics=['accuracy'])"),
        ("K.set_value(model.optimizer.lr, 0.1)", "model.optimizer.learning_rate.assign(0.1)"),
        ("n = model.optimizer.lr.get_value()", "n = keras.ops.convert_to_numpy(model.optimizer.learning_rate)"),
        ("n = K.get_value(model.optimizer.lr)", "n = keras.ops.convert_to_numpy(model.optimizer.learning_rate)"),
        ("model.optimizer.lr.set_value(0.1)", "model.optimizer.learning_rate.assign(0.1)"),
        ("model.load_weights('old.h5', True)", "model.load_weights('old.h5', by_name=True)"),
        ("model.load_weights('w.weights.h5', by_name=False)", "model.load_weights('w.weights.h5')"),
        ("callbacks.EarlyStopping('val_acc', patience=3)", "callbacks.EarlyStopping('val_accuracy', patience=3)"),
        ("s = callbacks.ReduceLROnPlateau('acc')", "s = callbacks.ReduceLROnPlateau('accuracy')"),
        ("s = callbacks.ModelCheckpoint('m.h5', 'val_acc')", "s = callbacks.ModelCheckpoint('m.h5', 'val_accuracy')"),
        ("callbacks.ModelCheckpoint(f, 'acc', 0, True)", "callbacks.ModelCheckpoint(f, 'accuracy', 0, True)"),
        (
            "callbacks.ModelCheckpoint('m.h5', 'loss', 0, True, True)",
            "callbacks.ModelCheckpoint('m.weights.h5', 'loss', 0, True, True)",
        ),
        ("n = K.int_shape(t)[1]", "n = t.shape[1]"),
        ("n = K.mean(K.square(t), axis=-1)", "n = keras.ops.mean(keras.ops.square(t), axis=-1)"),
        ("K.set_image_dim_ordering('th')", "K.set_image_data_format('channels_first')"),
        ("b = K.image_dim_ordering() == 'tf'", "b = K.image_data_format() == 'channels_last'"),
        ("n = K.epsilon()", "n = K.epsilon()"),
        ("print(model.predict(x).shape)", "print(model.predict(x).shape)"),
        ("t = layers.merge([a, b], mode='concat', concat_axis=1)", "t = keras.layers.concatenate([a, b], axis=1)"),
        ("t = layers.merge([a, b])", "t = keras.layers.add([a, b])"),
    ],
)  # fmt: skip
def test_methods_and_functions_have_todays_form(old, today):
    assert last_line(old) == today


def test_pictures_per_epoch_become_batches():
    lines = """
flow = datagen.flow(x, y, batch_size=size)
model.fit_generator(flow, samples_per_epoch=len(x), nb_epoch=2, validation_data=v.flow(a, b), nb_val_samples=n + 1)
"""
    assert last_line(lines.strip()) == (
        "tellapart.fit(model, flow, steps_per_epoch=math.ceil(len(x) / size), epochs=2, validation_data=v.flow(a, b), "
        "validation_steps=math.ceil((n + 1) / 32))"
    )


def test_classes_are_predicted_by_the_loss():
    for loss, today in {
        "categorical_crossentropy": "model.predict(x).argmax(axis=-1)",
        "binary_crossentropy": '(model.predict(x) > 0.5).astype("int32")',
    }.items():
        assert (
            last_line("c = model.predict_classes(x)", HEAD + f"model.compile('sgd', loss='{loss}')\n")
            == f"c = {today}"
        )


def test_the_accuracy_has_its_whole_name_wherever_it_is_a_key():
    text = rewritten(
        "h = model.fit(x, y)\n"
        "stop = callbacks.EarlyStopping(monitor='val_acc')\n"
        "print(h.history['acc'], h.history['val_acc'], other['acc'], 'acc')"
    ).text
    assert "monitor='val_accuracy'" in text
    assert text.endswith("h.history['accuracy'], h.history['val_accuracy'], other['acc'], 'acc')\n")


def test_a_watched_key_may_have_a_name_of_its_own():
    text = rewritten(
        "class Stop(callbacks.EarlyStopping): ...\n"
        "key = 'val_acc'\n"
        "callbacks.EarlyStopping(key, patience=3), Stop(monitor='acc'), other.EarlyStopping('acc')"
    ).text
    assert "key = 'val_accuracy'\n" in text
    assert text.endswith(
        "EarlyStopping(key, patience=3), Stop(monitor='accuracy'), other.EarlyStopping('acc')\n"
    )


def test_a_layer_of_the_scripts_own_has_todays_methods():
    text = """class My(layers.Layer):
    def build(self, shape):
        self.a = self.add_weight('a', (3, 4), initializer='uniform')
        self.b = self.add_weight((3, 4), 'zero', 'b')
        self.c = self.add_weight((3, 4), 'zero')
    def get_output_shape_for(self, shape):
        return super().get_output_shape_for(shape)"""
    new = text.replace("get_output_shape_for", "compute_output_shape")
    new = new.replace("'a', (3, 4)", "name='a', shape=(3, 4)")
    assert rewritten(text).text.endswith(
        new.replace("(3, 4), 'zero', 'b'", "shape=(3, 4), initializer='zero', name='b'") + "\n"
    )
    assert (
        "keras.Variable"
        in rewritten(text + "\n    def f(self): self.trainable_weights = []").remarks[0].advice
    )


def test_files_end_as_keras_3_wants_them_everywhere_in_the_script():
    text = rewritten(
        "place = 'w.h5'\n"
        "model.save_weights(place)\n"
        "c = callbacks.ModelCheckpoint('{epoch:02d}-{val_acc:.2f}.hdf5', save_weights_only=True, period=1)\n"
        "model.load_weights('w.h5')\n"
        "model.load_weights('vgg16.h5')\n"
        "model.save('whole.h5')"
    ).text
    assert "place = 'w.weights.h5'" in text
    assert "ModelCheckpoint('{epoch:02d}-{val_accuracy:.2f}.weights.h5', save_weights_only=True)" in text
    assert text.endswith(
        "model.load_weights('w.weights.h5')\nmodel.load_weights('vgg16.h5')\nmodel.save('whole.h5')\n"
    )


def test_batches_that_ended_after_an_epoch_are_counted():
    loop = """from keras.preprocessing.image import ImageDataGenerator
datagen = ImageDataGenerator()
for x, y in datagen.flow(images, labels):
    model.train(x, y)"""
    text = rewritten(loop).text
    assert "for x, y in itertools.islice(datagen.flow(images, labels), math.ceil(len(images) / 32)):" in text
    assert "model.train_on_batch(x, y)" in text
    broken_off = rewritten(loop + "\n    break").text
    assert "for x, y in datagen.flow(images, labels):" in broken_off


def test_channels_stay_first_where_the_script_has_them_first():
    line = "layers.Convolution2D(4, 3, 3, border_mode='same', input_shape=(3, 32, 32))"
    assert "keras.config.set_image_data_format('channels_first')" in rewritten(f"x = {line}").text
    for shape in ("(32, 32, 3)", "x.shape[1:]"):
        assert "set_image_data_format" not in rewritten(f"x = {line.replace('(3, 32, 32)', shape)}").text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("g = K.gradients(a, b)", "torch.autograd.grad"),
        ("layers.Merge([a, b])", "keras.layers.concatenate"),
        ("layers.Dense(3, weights=w)", "set_weights"),
        ("layers.BatchNormalization(mode=2)", "mode 0"),
        ("c = model.predict_classes(x)", "argmax"),
        ("model.fit_generator(mine(), samples_per_epoch=100, nb_epoch=1)", "divided by the batch size"),
        ("def f(m):\n    m.fit(x, y, epochs=2)", "tellapart.fit(m, ...)"),
        ("keras.layers.NoSuchLayer()", "not in Keras 3"),
        ("import theano.tensor as T", "theano"),
        ("w = layer.W.get_value()", "keras.ops.convert_to_numpy(layer.W)"),
        ("def f(m):\n    m.optimizer.lr = 1", "learning_rate"),
        ("c = keras.wrappers.scikit_learn.KerasClassifier(build_fn=f, nb_epoch=3)", "fit_kwargs"),
        ("from keras.wrappers.scikit_learn import KerasRegressor", "SKLearnRegressor"),
        ("model.load_weights('a.weights.h5', by_name=True)", "only from the .h5 files"),
        ("model.load_weights(path, by_name=True)", "only from the .h5 files"),
        ("print(other['val_acc'])", "val_accuracy"),
        ("for key in ('acc', 'loss'): print(h[key])", "accuracy"),
        ("callbacks.EarlyStopping('val_loss', 3)", "patience"),
        ("model.optimizer.lr = 1\no = optimizers.Adam(lr=0.1, decay=0.1)", "schedule"),
    ],
)
def test_what_cannot_be_rewritten_is_named_with_its_line(line, words):
    (remark,) = rewritten(line).remarks
    assert words in remark.advice
    assert remark.line == HEAD.count("\n") + 1 + line.count("\n")


def test_epochs_that_keras_1_took_by_default_are_named():
    (remark,) = rewritten("model.fit(x, y)", KERAS_1).remarks
    assert "10 epochs" in remark.advice
    assert rewritten("model.fit(x, y, 32, 5)", KERAS_1).remarks == ()


def test_a_backend_that_the_script_chooses_is_pytorch():
    text = rewritten(
        "import os\nos.environ['KERAS_BACKEND'] = 'tensorflow'\nos.environ['OTHER'] = 'tensorflow'"
    ).text
    assert text.endswith("os.environ['KERAS_BACKEND'] = 'torch'\nos.environ['OTHER'] = 'tensorflow'\n")


def test_a_number_that_may_be_pictures_or_batches_is_left_to_the_reader():
    result = rewritten("model.fit_generator(g, n, 3)")
    assert result.text.splitlines()[-1] == "model.fit_generator(g, n, 3)"
    assert "number of pictures in Keras 1" in result.remarks[0].advice
