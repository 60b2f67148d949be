"""The sentences of the guide's page that asks what a picture shows."""

import json
import re
import socket

import numpy as np
import pytest
from claims import read
from PIL import Image
from sklearn.metrics.pairwise import manhattan_distances

import tellapart
from tellapart.cli.main import main
from tellapart.data.preprocess import Preprocessing
from tellapart.explanations.page import page as explained
from tellapart.guide import server as serving
from tellapart.guide.contents import named
from tellapart.guide.lessons import dog_or_cat as making
from tellapart.guide.lessons._photo import CAT, cat

SHOWN = making.SIDES
CIFAR10 = tellapart.load("cifar10")


def probabilities(images):
    """(N, 10) of images of any size, in the order of the model's classes."""
    path = CIFAR10.card.preprocessing
    return CIFAR10.probabilities(np.stack([path.apply(np.ascontiguousarray(one)) for one in images]))


def names(rows):
    return [CIFAR10.class_names[i] for i in rows.argmax(1)]


@pytest.fixture(scope="module")
def by_side():
    return dict(zip(SHOWN, probabilities([cat(side) for side in SHOWN]), strict=True))


@pytest.mark.proves("numbers")
def test_a_photo_is_110592_numbers():
    numbers = np.asarray(Image.open(CAT).convert("RGB"))
    assert (numbers.size, numbers.dtype) == (110_592, np.uint8)
    assert cat(SHOWN[0]).shape == numbers.shape


@pytest.mark.proves("ten")
def test_ten_probabilities(by_side):
    assert len(set(CIFAR10.class_names)) == 10
    assert by_side[192].shape == (10,)
    assert (by_side[192] >= 0).all()


@pytest.mark.proves("input", "large")
def test_above_32_pixels_nothing_changes(by_side):
    assert CIFAR10.card.preprocessing == Preprocessing(height=32, width=32, policy="crop")
    assert CIFAR10.model.input_shape == (None, 32, 32, 3)
    large = np.stack([by_side[side] for side in SHOWN if side >= 32])
    assert np.ptp(large, axis=0).max() < 0.01


@pytest.mark.proves("small")
def test_below_24_pixels_it_is_less_sure_at_each_step(by_side):
    small = np.stack([by_side[side] for side in SHOWN if side <= 32])
    assert set(names(np.stack([*by_side.values()]))) == {"cat"}
    assert (np.diff(small.max(1)) < 0).all()
    assert by_side[4].max() == pytest.approx(0.384, abs=0.005)


@pytest.mark.proves("dog")
def test_dog_comes_nearest_at_12(by_side):
    dog = {side: float(one[CIFAR10.class_names.index("dog")]) for side, one in by_side.items()}
    assert max(dog, key=dog.get) == 12
    assert np.sort(by_side[12])[-2] == np.float32(dog[12]) == pytest.approx(0.154, abs=0.005)


@pytest.mark.proves("something")
def test_there_is_no_none_of_these(by_side):
    square = probabilities([making.plain()])
    np.testing.assert_allclose(np.stack([*by_side.values(), *square]).sum(1), 1, atol=1e-6)
    assert names(square) == ["airplane"]
    assert square.max() == pytest.approx(0.354, abs=0.005)
    red, green, blue = making.plain()[0, 0].tolist()
    assert red > green > blue > 0  # a brown: dark orange


@pytest.mark.proves("mixed", "mixed-large")
def test_where_pixels_lie_tells_much_at_24_and_nothing_at_4(by_side):
    for side in (4, 24):
        mixed = making.shuffled(cat(side))
        assert sorted(map(tuple, mixed.reshape(-1, 3))) == sorted(map(tuple, cat(side).reshape(-1, 3)))
        assert not np.array_equal(mixed, cat(side))
    four, large = probabilities([making.shuffled(cat(side)) for side in (4, 24)])
    assert names(np.stack([four, large])) == ["cat", "frog"]
    assert four.max() > by_side[4].max()
    assert four.max() == pytest.approx(0.43, abs=0.005)
    random = np.random.default_rng(0)
    others = probabilities([random.permutation(cat(4).reshape(-1, 3)).reshape(4, 4, 3) for _ in range(20)])
    assert set(names(others)) == {"cat"}  # so is every other order of the 16


@pytest.mark.proves("distance", "moved", "mirrored")
def test_a_moved_cat_is_farther_from_itself_than_a_plain_square_is():
    still = making.moved(0)
    np.testing.assert_array_equal(making.moved(2)[:, 2:], still[:, :-2])
    others = {"moved by 2": making.moved(2), "mirrored": np.fliplr(still), "plain": making.plain()}
    away = {
        name: manhattan_distances(still.reshape(1, -1).astype(float), other.reshape(1, -1)).item()
        / still.size
        for name, other in others.items()
    }
    assert away == pytest.approx(making.distances(), abs=1e-3)
    assert away["plain"] < away["moved by 2"] < away["mirrored"]
    assert making.distance(still, still) == 0


@pytest.mark.proves("same-cat")
def test_moved_and_mirrored_the_cat_keeps_its_pixels():
    for shift in making.SHIFTS:
        still, moved = making.moved(0), making.moved(shift)
        kept = slice(max(0, shift), moved.shape[1] + min(0, shift))
        before = slice(max(0, -shift), moved.shape[1] + min(0, -shift))
        np.testing.assert_array_equal(moved[:, kept], still[:, before])
    assert len(np.unique(making.plain().reshape(-1, 3), axis=0)) == 1


@pytest.mark.proves("color")
def test_cat_and_square_have_the_same_mean_color():
    np.testing.assert_allclose(making.plain().mean((0, 1)), making.moved(0).mean((0, 1)), atol=0.5)


@pytest.mark.proves("model-moved")
def test_the_model_says_cat_wherever_the_cat_is():
    moved = [making.moved(shift) for shift in making.SHIFTS]
    said = probabilities([*moved, *(np.fliplr(one) for one in moved)])
    assert set(names(said)) == {"cat"}
    assert said.max(1).min() == pytest.approx(0.781, abs=0.005)


@pytest.mark.proves("found")
def test_the_models_numbers_were_found_from_cifar10():
    assert sum(weight.numpy().size for weight in CIFAR10.model.weights) == 1_973_944
    assert CIFAR10.card.origin["data"] == "cifar10"
    assert CIFAR10.card.origin["epochs"] > 0


@pytest.mark.proves("private")
def test_a_photo_that_tellapart_is_given_goes_no_further(monkeypatch):
    """Whatever is connected to while it answers is noted; and it listens on this machine alone."""
    reached, connect = [], socket.socket.connect

    def noted(one, address):
        reached.append(address)
        return connect(one, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    answer = serving._prediction(CAT.read_bytes(), "cat.jpg")
    assert len(answer["probabilities"]) == 10
    assert reached == []
    with serving.listening(0) as listener, socket.create_connection(listener.getsockname()):
        assert reached == [listener.getsockname()]  # it would have been noted
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.proves("kinds")
def test_the_ten_kinds_are_the_models_classes():
    (sentence,) = (one.text for one in read(named("dog-or-cat")).claims if one.name == "kinds")
    listed = sentence.removeprefix("The model only knows ten classes: ").removesuffix(".")
    assert re.split(", | and ", listed) == list(CIFAR10.class_names)


@pytest.mark.proves("open")
def test_explain_writes_a_page_that_shows_what_each_layer_makes_of_a_photo(tmp_path, monkeypatch):
    """Without the parts of the page that take long; the maps of its layers are tested elsewhere."""
    quick = [section for section in explained.SECTIONS if section.name in ("answer", "layers")]
    monkeypatch.setattr(explained, "SECTIONS", quick)
    assert main(["explain", str(CAT), "--out", str(tmp_path)]) == 0
    (page,) = tmp_path.iterdir()
    data = json.loads(re.search('id="data">(.*?)</script>', page.read_text(encoding="utf-8"))[1])
    shown = {layer["name"] for layer in data["layers"]["layers"]}
    assert {layer.name for layer in CIFAR10.model.layers} <= shown


@pytest.mark.proves("ask")
def test_predict_answers_about_a_photo(capsys):
    assert main(["predict", str(CAT), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["model"], output["predictions"][0]["predicted"]) == ("cifar10", "cat")
