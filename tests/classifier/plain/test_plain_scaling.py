"""A model that tellapart did not save is as right as it is under Keras, whichever pixels it was trained on."""

import numpy as np
import pytest
from keras_models import PREPARED, draw_photos, keras, keras_pixels, layers, share_right, trained_on

import tellapart
from tellapart.errors import ConfigError
from tellapart.models.pixel_scaling import PIXEL_SCALINGS, entry_layers

NAMES = ("blue", "green", "red", "yellow")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos") / "train", NAMES)


@pytest.fixture(scope="module")
def pixels(photos):
    return keras_pixels(photos)


@pytest.fixture(scope="module")
def models(pixels, tmp_path_factory):
    """Scaling -> the file of a model that was trained so, and Keras's own accuracy and probabilities."""
    x, y = pixels
    made = {}
    for name, prepare in PREPARED.items():
        model = trained_on(prepare(x), y)
        file = tmp_path_factory.mktemp("models") / f"{name}.keras"
        model.save(file)
        made[name] = file, share_right(model, prepare(x), y), model.predict(prepare(x), verbose=0)
    return made


@pytest.mark.parametrize("name", PREPARED)
def test_each_scaling_gives_the_predictions_that_keras_gives(name, models, pixels):
    file, _, expected = models[name]
    classifier = tellapart.load(file, pixels=name)
    found = classifier.probabilities(np.rint(pixels[0]).astype(np.uint8))
    prepared = PREPARED[name](np.rint(pixels[0]).astype(np.float32))
    np.testing.assert_allclose(found, keras.models.load_model(file).predict(prepared, verbose=0), atol=2e-5)
    np.testing.assert_allclose(found, expected, atol=0.05)  # rounding pixels moves them a little


@pytest.mark.parametrize("name", PREPARED)
def test_a_folder_is_scored_as_keras_scores_it(name, models, photos):
    file, expected, _ = models[name]
    assert expected > 0.9
    assert tellapart.evaluate(file, photos, pixels=name).scores.accuracy == expected


@pytest.mark.parametrize("name", PREPARED)
def test_the_layers_at_the_entry_do_what_keras_does_to_pixels(name):
    raw = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3)).astype(np.float32)
    image = raw
    for layer in entry_layers(name):
        image = layer(image)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(image), PREPARED[name](raw), rtol=1e-5, atol=2e-6)


def test_every_scaling_is_tested_here():
    assert set(PREPARED) == set(PIXEL_SCALINGS)


def test_pixels_that_a_batch_normalization_never_saw_are_not_assumed(models, photos):
    """Fed 0 to 255, this model would be right about a quarter of the pictures."""
    with pytest.raises(ConfigError, match=r"0-1.keras: which pixels .* times smaller ") as caught:
        tellapart.evaluate(models["0-1"][0], photos)
    _, *options = str(caught.value).splitlines()
    assert [option.split()[:2] for option in options] == [
        ["--pixels", name] for name in ("0-1", "-1-1", "imagenet", "0-255")
    ]
    assert options[0] == "  --pixels 0-1       for x / 255 or ImageDataGenerator(rescale=1/255)"


def test_pixels_that_a_batch_normalization_did_see_are_found(models, photos):
    file, expected, _ = models["0-255"]
    evaluation = tellapart.evaluate(file, photos)
    assert evaluation.usage.pixels.source == "found"
    assert "saw such pixels" in evaluation.usage.pixels.why
    assert evaluation.scores.accuracy == expected


def test_where_nothing_tells_0_to_255_is_assumed_and_said(pixels, tmp_path):
    x, y = pixels
    trained_on(x / 255, y, normalized=False).save(tmp_path / "plain.keras")
    setting = tellapart.load(tmp_path / "plain.keras").usage.pixels
    assert (setting.value, setting.source) == ("0 to 255", "assumed")
    assert "--pixels 0-1" in setting.otherwise


def test_a_batch_normalization_that_cannot_tell_is_not_asked(pixels, tmp_path):
    """Behind a tanh, pixels 255 times too large are hardly larger: 0 to 255 is then assumed, not found."""
    x, y = pixels
    trained_on(x / 255, y, first=[layers.Conv2D(8, 3, activation="tanh")]).save(tmp_path / "net.keras")
    assert tellapart.load(tmp_path / "net.keras").usage.pixels.source == "assumed"


def adapted(x):
    layer = layers.Normalization()
    layer.adapt(x)
    return layer


ENTRIES = {
    "Rescaling to 1": ("0-255", lambda x: [layers.Rescaling(1 / 255)], "scales them"),
    "Rescaling to -1": ("0-255", lambda x: [layers.Rescaling(1 / 127.5, -1)], "scales them"),
    "Rescaling of 0-1": ("0-1", lambda x: [layers.Rescaling(2, -1)], "scales them"),
    "Normalization": ("0-255", lambda x: [adapted(x)], "learned their mean"),
    "Normalization of 0-1": ("0-1", lambda x: [adapted(x / 255)], "learned their mean"),
    "Normalization of -1-1": ("-1-1", lambda x: [adapted(x / 127.5 - 1)], "learned their mean"),
    "BatchNormalization": ("0-255", lambda x: [layers.BatchNormalization(momentum=0.5)], "learned their mean"),
    "augmentation first": ("0-255", lambda x: [
        keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)]), layers.Rescaling(1 / 255)
    ], "scales them"),
    "inside a model": ("0-255", lambda x: [
        keras.Sequential([keras.Input(x.shape[1:]), layers.Rescaling(1 / 255), layers.ZeroPadding2D()])
    ], "scales them"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_a_layer_that_scales_is_found(name, pixels, photos, tmp_path):
    expected, make, why = ENTRIES[name]
    x, y = pixels
    prepared = PREPARED[expected](x)
    model = trained_on(prepared, y, first=make(x))
    model.save(tmp_path / "model.keras")
    evaluation = tellapart.evaluate(tmp_path / "model.keras", photos)
    setting = evaluation.usage.pixels
    assert (setting.value, setting.source) == (PIXEL_SCALINGS[expected].title, "found")
    assert why in setting.why
    assert evaluation.scores.accuracy == share_right(model, prepared, y) > 0.9


def test_operators_as_in_preprocess_input_are_found(tmp_path):
    image = keras.Input((8, 8, 3))
    features = layers.Flatten()(keras.applications.mobilenet_v2.preprocess_input(image))
    keras.Model(image, layers.Dense(3)(features)).save(tmp_path / "model.keras")
    usage = tellapart.load(tmp_path / "model.keras").usage
    assert (usage.pixels.value, usage.pixels.source) == ("0 to 255", "found")
    assert usage.outputs.source == "assumed"
    assert "from_logits" in usage.outputs.why


@pytest.mark.parametrize(
    ("network", "options", "asked"),
    [
        ("MobileNetV2", {"alpha": 0.35}, "--pixels -1-1"),
        ("VGG16", {}, "--pixels caffe"),
        ("DenseNet121", {}, "--pixels imagenet"),
    ],
)
def test_a_network_of_keras_applications_without_scaling_is_asked_about(network, options, asked, tmp_path):
    base = getattr(keras.applications, network)(
        weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg", **options
    )
    keras.Sequential([base, layers.Dense(2, activation="softmax")]).save(tmp_path / "net.keras")
    with pytest.raises(ConfigError, match="almost surely wrong") as caught:
        tellapart.load(tmp_path / "net.keras")
    assert asked in str(caught.value).replace("  ", " ")
    assert network[:3] in str(caught.value)


def test_a_network_of_keras_applications_that_scales_pixels_itself_is_not_asked_about(tmp_path):
    keras.applications.EfficientNetB0(weights=None, classes=2, input_shape=(32, 32, 3)).save(
        tmp_path / "net.keras"
    )
    assert tellapart.load(tmp_path / "net.keras").usage.pixels.source == "found"


def test_scaling_twice_is_said(pixels, tmp_path):
    x, y = pixels
    trained_on(x, y, first=[layers.Rescaling(1 / 255, name="twice")]).save(tmp_path / "model.keras")
    usage = tellapart.load(tmp_path / "model.keras", pixels="0-1").usage
    assert usage.pixels.source == "given"
    assert "twice scales pixels 0 to 255 itself" in usage.pixels.why
    assert any("twice" in line for line in usage.lines())


def test_gray_networks_have_no_blue(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)])
    model.save(tmp_path / "gray.keras")
    with pytest.raises(ConfigError, match="gray"):
        tellapart.load(tmp_path / "gray.keras", pixels="caffe")


def test_a_batch_normalization_of_a_short_training_is_not_believed(pixels, tmp_path):
    """After a few steps most of its variance is the 1 that it began with, which pixels 0 to 255 may well fit."""
    x, y = pixels
    keras.utils.set_random_seed(0)
    stack = [
        layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.GlobalAveragePooling2D(),
    ]
    model = keras.Sequential([keras.Input(x.shape[1:]), *stack, layers.Dense(4, activation="softmax")])
    model.get_layer(index=0).kernel.assign(model.get_layer(index=0).kernel / 100)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x / 255, y, epochs=2, verbose=0)
    model.save(tmp_path / "net.keras")
    assert tellapart.load(tmp_path / "net.keras").usage.pixels.source == "assumed"
