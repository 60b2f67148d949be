"""The sentences of the guide's page on pictures as numbers."""

import io
import re
import warnings

import numpy as np
import pytest
from PIL import Image, ImageColor
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances

import tellapart
from tellapart.errors import DataError
from tellapart.guide.contents import named
from tellapart.guide.lessons import pictures as making
from tellapart.guide.lessons._photo import cat
from tellapart.guide.render import page_of
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

PICTURE = cat(making.SIDE)


@pytest.mark.proves("pixels", "count")
def test_a_picture_is_its_numbers():
    """Nothing but rows, columns and numbers is needed to have the picture again."""
    file = io.BytesIO()
    Image.frombytes("RGB", (32, 32), bytes(named("pictures").facts["picture"])).save(file, "png")
    again = np.asarray(Image.open(file))
    np.testing.assert_array_equal(again, PICTURE)
    assert (again.shape, again.dtype, again.size) == ((32, 32, 3), np.uint8, 3072)


@pytest.mark.proves("black")
def test_colors_have_their_numbers():
    for name, numbers in [("black", (0, 0, 0)), ("white", (255, 255, 255)), ("red", (255, 0, 0))]:
        assert ImageColor.getrgb(name) == numbers


@pytest.mark.proves("gray")
def test_one_color_alone_is_one_number_for_each_pixel():
    red, *_ = Image.fromarray(PICTURE).split()
    assert red.mode == "L"  # Pillow's name for gray
    assert np.asarray(red).size == 32 * 32


@pytest.mark.proves("lighter", "clipped")
def test_adding_makes_lighter_and_what_is_lost_stays_lost():
    lighter = Image.fromarray(PICTURE).point(lambda one: one + 100)
    assert (
        np.asarray(lighter.convert("L")).astype(int) > np.asarray(Image.fromarray(PICTURE).convert("L"))
    ).all()
    assert np.asarray(lighter).max() == 255
    back = np.asarray(lighter.point(lambda one: one - 100))
    assert (back[PICTURE > 155] == 155).all()
    np.testing.assert_array_equal(back[PICTURE <= 155], PICTURE[PICTURE <= 155])


@pytest.mark.proves("overflow")
def test_numpys_small_numbers_begin_at_zero_again():
    assert (np.array([250], np.uint8) + np.array([10], np.uint8)).tolist() == [4]


@pytest.mark.proves("digits", "objects")
def test_the_digits_are_64_numbers_and_their_classes_figures():
    digits = load_digits()
    assert digits.images.shape[1:] == (8, 8)
    assert (digits.images.min(), digits.images.max()) == (0, 16)
    assert (digits.images == digits.images.round()).all()
    assert digits.target_names.tolist() == list(range(10))
    shown = np.array(named("pictures").facts["digits"])
    for figure, numbers in enumerate(shown):
        assert digits.target[(digits.data == numbers).all(1)].tolist() == [figure]


@pytest.mark.proves("scale")
def test_16_of_255_is_nearly_black():
    """CIE lightness, which goes from 0 for black to 100 for white, of the sRGB gray 16."""
    linear = ((16 / 255 + 0.055) / 1.055) ** 2.4
    assert linear < 0.008856  # where CIE lightness is a straight line
    assert 903.3 * linear < 5


@pytest.mark.proves("cell", "same", "twice")
def test_the_cell_divides_and_its_second_run_divides_again():
    cell = re.search("<pre><code>(.*?)</code></pre>", page_of(named("pictures")), re.DOTALL)[1]
    first, second = cell.replace("&#39;", "'").splitlines()
    notebook = {"x_train": PICTURE[None]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(f"{first}\n{second}", notebook)
        once = notebook["x_train"].copy()
        exec(second, notebook)
    assert 0 <= once.min() < once.max() <= 1
    np.testing.assert_array_equal((once * 255).round(), PICTURE[None])
    assert 0 < notebook["x_train"].max() <= 1 / 255 == pytest.approx(0.004, abs=1e-4)
    white = np.full(1, 255, np.float32) / 255 / 255
    assert white <= np.float32(1 / 255)
    assert (notebook["x_train"] * 255).max() <= 1  # as a picture again: of 255 levels the lowest two


@pytest.mark.proves("calm")
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_untrained_network_is_sure_of_large_numbers(seed):
    keras.utils.set_random_seed(seed)
    logits = keras.Sequential(first_cnn((32, 32, 3), 10).layers[1:-1])
    raw, divided, _ = making.divided()
    large, small = (np.asarray(logits(one[None]).detach())[0] for one in (raw, divided))
    np.testing.assert_allclose(large, 255 * small, rtol=1e-2, atol=1e-2)
    sure, even = (np.exp(one - one.max()) / np.exp(one - one.max()).sum() for one in (large, small))
    assert sure.max() > 0.99
    assert even.max() == pytest.approx(0.11, abs=0.01)
    if seed == 0:
        kept = named("pictures").facts["untrained"]
        assert [sure.max(), even.max()] == pytest.approx(kept[:2], abs=1e-4)


@pytest.mark.proves("blind")
def test_the_built_in_model_hardly_recognizes_what_was_divided():
    model = tellapart.load("cifar10").model
    given, divided = (model(one[None], training=False).detach().numpy()[0] for one in making.divided()[:2])
    place = tellapart.load("cifar10").class_names.index("cat")
    assert given[place] == given.max() == pytest.approx(0.916, abs=0.005)
    assert divided[place] == pytest.approx(0.248, abs=0.005)


@pytest.mark.proves("inside")
def test_the_tutorials_network_divides_by_itself():
    layer = first_cnn((32, 32, 3), 10).layers[0]
    assert isinstance(layer, keras.layers.Rescaling)
    np.testing.assert_array_equal(layer(PICTURE).numpy(), PICTURE.astype(np.float32) * np.float32(1 / 255))


@pytest.mark.proves("refused")
@pytest.mark.parametrize("numbers", [PICTURE / 255, PICTURE.astype(np.int32), PICTURE.astype(np.int8)])
def test_other_numbers_are_refused(numbers):
    with pytest.raises(DataError, match="uint8"):
        tellapart.load("cifar10").predict([numbers])
    with pytest.raises(DataError, match="uint8"):
        tellapart.load("cifar10").probabilities(numbers[None])


@pytest.mark.proves("classes", "label")
def test_the_classes_of_cifar10():
    things = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    assert list(tellapart.load("cifar10").class_names) == named("pictures").facts["class_names"] == things
    assert things[3] == "cat"


@pytest.mark.proves("one-hot")
def test_any_two_classes_are_equally_far_apart():
    rows = keras.utils.to_categorical(range(10), 10)
    assert np.sort(rows, axis=1).tolist() == [[0.0] * 9 + [1.0]] * 10
    assert rows.argmax(1).tolist() == list(range(10))
    apart = pairwise_distances(rows)[~np.eye(10, dtype=bool)]
    np.testing.assert_allclose(apart, apart[0])


@pytest.mark.proves("phone")
def test_a_phones_photo_is_36_million_numbers():
    photo = Image.new("RGB", (4000, 3000))
    assert photo.width * photo.height == 12_000_000
    assert len(photo.tobytes()) == 36_000_000
