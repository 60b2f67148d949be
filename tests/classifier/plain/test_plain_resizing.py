"""Pictures reach a model that Keras trained as Keras's loaders would have brought them to it."""

import base64

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


JPEG = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV00;&K2L=TQ2L}fU2?z=d6b%du3k(?&6Au&}8Xq1V8XO!TBrYc)A}k{u94I#_EHE)NG&CP4IXyTsJT5"
    "adGXL8ELjeg12@DGi7!3^=G9erxGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBPqUGBW?b01*fP7yuXp0U`hb5"
    "di}c0sq7R9{>OW1pxs80RaI300000000010s{mE1_uZU3Jd?l0JRVR0s#X90t5pE1q1{D00Dgg0s{a95d{(<F+m0sQDFxnaTGFvk)a49Lb1U"
    "WQqk}vGh%Xr2?`b$7#SKRCMPH<Dl|1VH#j*uLqtVJM@UIZQ&d$}S6EqEV`OD!XJ~0^b98lfcX)YvgM@{Khlq)al9QB`mY0~BnxdnmrKYE-sj"
    "9NGw6(UkxVgH*!^FkL$H>Xb($mz{*4NnC+Tr5k<mKk)=;`Y5^7Hid_V@Vt`v1fL9{~UZ0RaI40RaI40RR91000010s{mE1_uZU3Jd?l0JRYS"
    "0s#U91Oo&I1q1{D0Rndb0RjUN1O*{61`<J02Vrp&A~Jyp6he`qvB3!=Gg9ysVsg<679=#`CGi&+85$-hC@Cs6Ha9pqIzvQ7Mn_0VN>fx-"
    "R##YAT4Q8oW@l(=YIAgTc6WGrdV+(5g@%WSiHeewl$Dm3n3<ZQqok##r>Lo_va__cwzs&sy28W6#m2|T$;#5x)YaD4*xB0R<K*S$=jiF`^7H"
    "id_V@Vt`v2Mh3<CiG0ucid06zfaq0YnsRztu5u^Akb*P!HnwMeW)V;nN$3^wiKuOkB=faBVoAMYiW2j>6+xCOEKXY#@PtFy~KURek`11>=X@"
    "DDvsI`rw&>(_?Ie`Gf8&&}s;zWd((N27?$zqPII@^W9T_xUd0Gk!&F-zyxI&gCISd;b8Q{83qvMBZTB&aD|>LktplIP2-"
    "2oKasnJ{F90b#MOwZvOzmJU{ixLq|vd04Dzc?N1wG%>oUpyBNacduKTIACKc-"
    "O0vDIAzo0N;~C(d_#XcM0OLg!?`N*+pZ&f19$q~s%kw<xP&A@5mO=(WQGwIHwm-wI6j5HpV4PEDwx;zz|Je"
)
"""24 x 24 pixels, quality 75."""

RED_BY_TENSORFLOW = (
    [195.4, 201.1, 59.9, 213.6, 207.6],
    [196.9, 164.3, 70.8, 205.0, 211.9],
    [62.4, 58.4, 136.2, 85.9, 67.8],
    [8.6, 62.2, 159.8, 63.6, 47.0],
    [12.2, 57.9, 114.9, 107.3, 38.3],
    [22.4, 6.8, 100.9, 99.7, 109.1],
    [7.9, 3.9, 125.9, 101.8, 90.7],
)
"""`tf.image.resize(tf.image.decode_image(JPEG), (7, 5))[..., 0]` of TensorFlow, as `image_dataset_from_directory` runs
it: its decoder uses libjpeg's fast transform, which differs from Pillow's by up to three levels."""


def test_a_jpeg_has_the_pixels_that_tensorflow_decodes():
    pixels = fitted(JPEG, Preprocessing(height=7, width=5, policy="stretch", reading="bilinear")).pixels
    assert np.abs(pixels[..., 0] - np.array(RED_BY_TENSORFLOW)).max() <= 0.51


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
