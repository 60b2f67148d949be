"""Pictures reach a model that Keras trained as Keras's loaders would have brought them to it."""

import numpy as np
import pytest
from keras_models import draw_photos, keras, keras_pixels, layers, share_right, trained_on

import tellapart
from tellapart.data.fitted import fitted
from tellapart.data.preprocess import Preprocessing


@pytest.fixture(scope="module")
def photo():
    """Coarse and fine detail, of odd proportions, larger than the network's size."""
    random = np.random.default_rng(0)
    coarse = np.kron(random.integers(0, 256, (7, 11, 3)), np.ones((9, 9, 1)))
    return np.clip(coarse + random.normal(0, 30, coarse.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(24, 20), (20, 24), (90, 130)])
@pytest.mark.parametrize(
    ("policy", "options"),
    [("stretch", {}), ("crop", {"crop_to_aspect_ratio": True})],
)
def test_bilinear_pixels_are_keras_s(policy, options, size, photo):
    ours = Preprocessing(height=size[0], width=size[1], policy=policy, reading="bilinear").apply(photo)
    if options:
        expected = keras.preprocessing.image.smart_resize(photo.astype(np.float32), size)
    else:
        expected = keras.ops.image.resize(photo.astype(np.float32), size)
    assert np.abs(ours - keras.ops.convert_to_numpy(expected)).max() <= 0.51


@pytest.mark.parametrize("size", [(24, 20), (20, 24), (90, 130)])
def test_nearest_pixels_are_those_of_load_img(size, photo, tmp_path):
    keras.utils.save_img(tmp_path / "photo.png", photo, scale=False)
    preprocessing = Preprocessing(height=size[0], width=size[1], policy="stretch", reading="nearest")
    expected = keras.utils.img_to_array(keras.utils.load_img(tmp_path / "photo.png", target_size=size))
    np.testing.assert_array_equal(fitted(tmp_path / "photo.png", preprocessing).pixels, expected)


def test_padding_is_black_and_keeps_the_proportions(photo):
    """As `tf.image.resize_with_pad`, by which Keras pads: 63 x 99 becomes 15 x 24 in the middle of 24 x 24."""
    white = np.full_like(photo, 255)
    ours = Preprocessing(height=24, width=24, policy="pad", reading="bilinear").apply(white)
    rows = np.flatnonzero(ours[:, 12, 0])
    assert (rows.min(), rows.max()) == (4, 18)
    assert (ours[4:19] == 255).all()


def corners(root, count=16):
    """Two classes told apart by what stands at the ends of wide pictures, which a central crop cuts off."""
    from PIL import Image

    random = np.random.default_rng(0)
    for name, level in (("dark", 20), ("light", 220)):
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(90, 160, (20, 80, 3)).astype(np.uint8)
            pixels[:, :16] = pixels[:, -16:] = level
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def test_a_model_of_stretched_pictures_sees_all_of_them(tmp_path):
    """Cropped to the middle, the classes could not be told apart."""
    root = corners(tmp_path / "train")
    x, y = keras_pixels(root)
    model = trained_on(x, y, first=[layers.Rescaling(1 / 255)])
    model.save(tmp_path / "model.keras")
    evaluation = tellapart.evaluate(tmp_path / "model.keras", root)
    assert evaluation.scores.accuracy == share_right(model, x, y) == 1
    assert (evaluation.usage.policy.value, evaluation.usage.policy.source) == ("stretch", "assumed")
    assert tellapart.evaluate(tmp_path / "model.keras", root, policy="crop").scores.accuracy < 0.8


def test_a_model_of_nearest_pixels_is_told_so(tmp_path):
    root = draw_photos(tmp_path / "train", ("a", "b", "c"), size=(40, 60))
    x, y = keras_pixels(root, interpolation="nearest")
    model = trained_on(x, y, first=[layers.Rescaling(1 / 255)])
    model.save(tmp_path / "model.keras")
    classifier = tellapart.load(tmp_path / "model.keras", resampling="nearest")
    files = [path for folder in sorted(root.iterdir()) for path in sorted(folder.iterdir())]
    found = np.array(
        [dict(zip(each.names, each.probabilities, strict=True))["0"] for each in classifier.predict(files)[0]]
    )
    np.testing.assert_allclose(found, model.predict(x, verbose=0)[:, 0], atol=1e-5)
