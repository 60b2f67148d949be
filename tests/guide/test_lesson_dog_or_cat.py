"""The sentences of the guide's page that asks what a picture shows."""

import json
import re
import socket
from collections import Counter

import numpy as np
import pytest
from claims import read
from PIL import Image
from sklearn.metrics.pairwise import manhattan_distances

import tellapart
from tellapart.cli.main import main
from tellapart.data.preprocess import Preprocessing
from tellapart.explanations.page import page as explained
from tellapart.guide import sent_pictures
from tellapart.guide import server as serving
from tellapart.guide.contents import named
from tellapart.guide.lessons import dog_or_cat as making
from tellapart.guide.lessons._photo import CAT, cat

SHOWN = making.SIDES
IMAGENET = tellapart.load("imagenet")
GROUPS = IMAGENET.card.groups
CATS, DOGS = ([name for name, group in GROUPS.items() if group == kind] for kind in ("cat", "dog"))


def predictions(images):
    """Of images of any size, as `predict` makes them of files."""
    found, _ = IMAGENET.predict([np.ascontiguousarray(one) for one in images])
    return found


def things(images):
    """Of each image: name -> probability of every group and of every class of none, recounted from `predict`'s classes.

    Dogs and cats divide their sum as their means: as if photos of both were equally common.
    """
    rows = []
    for one in predictions(images):
        shares = dict(zip(one.names, one.probabilities, strict=True))
        sums = {}
        for name, share in shares.items():
            sums[GROUPS.get(name, name)] = sums.get(GROUPS.get(name, name), 0) + share
        both, dog, cat = sums["dog"] + sums["cat"], sums["dog"] / len(DOGS), sums["cat"] / len(CATS)
        rows.append(sums | {"dog": both * dog / (dog + cat), "cat": both * cat / (dog + cat)})
    return rows


def likeliest(rows):
    return [max(row, key=row.get) for row in rows]


@pytest.fixture(scope="module")
def by_side():
    return dict(zip(SHOWN, things([cat(side) for side in SHOWN]), strict=True))


def test_the_pages_answers_are_the_five_likeliest_things(by_side):
    """The oracle recounts them from `predict`."""
    kept = named("dog-or-cat").facts["answers"]
    for side, row in by_side.items():
        shown = dict(kept[str(side)]["things"])
        best = sorted(row, key=row.get, reverse=True)[:5]
        assert list(shown) == best
        assert shown == pytest.approx({name: row[name] for name in best}, abs=1e-4)


@pytest.mark.proves("numbers")
def test_a_photo_is_110592_numbers():
    numbers = np.asarray(Image.open(CAT).convert("RGB"))
    assert (numbers.size, numbers.dtype) == (110_592, np.uint8)
    assert cat(SHOWN[0]).shape == numbers.shape


@pytest.mark.proves("thousand", "added")
def test_a_thousand_probabilities_118_of_them_of_dogs_and_5_of_cats():
    (photo,) = predictions([cat(192)])
    assert (len(set(photo.names)), len(DOGS), len(CATS)) == (1000, 118, 5)
    assert min(photo.probabilities) >= 0
    assert photo.group.name == "cat"
    assert photo.group.probability == pytest.approx(things([cat(192)])[0]["cat"], abs=1e-5)


@pytest.mark.proves("input")
def test_it_sees_224_pixels_whatever_the_photos_size():
    assert IMAGENET.card.preprocessing == Preprocessing(height=224, width=224, policy="crop")
    assert IMAGENET.model.input_shape == (None, 224, 224, 3)


@pytest.mark.proves("large", "breed")
def test_down_to_32_pixels_it_is_sure_of_a_cat_and_not_of_which(by_side):
    large = {side: row["cat"] for side, row in by_side.items() if side >= 32}
    assert set(likeliest([by_side[side] for side in large])) == {"cat"}
    assert min(large.values()) == pytest.approx(0.84, abs=0.005)
    (photo,) = predictions([cat(192)])
    assert photo.group.class_name == "Egyptian cat"
    assert photo.group.class_probability == pytest.approx(0.35, abs=0.005)


@pytest.mark.proves("small")
def test_below_32_pixels_it_is_less_sure_and_then_wrong(by_side):
    assert likeliest([by_side[side] for side in (24, 16, 6)]) == ["cat", "fox", "bird"]
    assert by_side[24]["cat"] == pytest.approx(0.49, abs=0.005)


@pytest.mark.proves("dog")
def test_dog_is_never_among_the_five_likeliest(by_side):
    for row in by_side.values():
        assert "dog" not in sorted(row, key=row.get, reverse=True)[:5]


@pytest.mark.proves("something")
def test_even_a_plain_square_gets_an_answer(by_side):
    (square,) = things([making.plain()])
    for row in (*by_side.values(), square):
        assert sum(row.values()) == pytest.approx(1, abs=1e-4)
    assert likeliest([square]) == ["bird"]
    assert square["bird"] == pytest.approx(0.06, abs=0.005)
    red, green, blue = making.plain()[0, 0].tolist()
    assert red > green > blue > 0  # a brown: dark orange


@pytest.mark.proves("mixed", "mixed-large")
def test_where_pixels_lie_tells_much_at_24_and_nothing_at_6(by_side):
    for side in (6, 24):
        mixed = making.shuffled(cat(side))
        assert sorted(map(tuple, mixed.reshape(-1, 3))) == sorted(map(tuple, cat(side).reshape(-1, 3)))
        assert not np.array_equal(mixed, cat(side))
    six, large = things([making.shuffled(cat(side)) for side in (6, 24)])
    assert likeliest([by_side[6], six]) == ["bird", "bird"]
    assert likeliest([by_side[24], large]) == ["cat", "snake"]
    assert six["bird"] == pytest.approx(0.5, abs=0.005)
    random = np.random.default_rng(0)
    others = things([random.permutation(cat(6).reshape(-1, 3)).reshape(6, 6, 3) for _ in range(20)])
    assert set(likeliest(others)) == {"bird"}  # so is every other order of the 36


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
    said = things([*moved, *(np.fliplr(one) for one in moved)])
    assert set(likeliest(said)) == {"cat"}
    assert min(row["cat"] for row in said) == pytest.approx(0.70, abs=0.005)


@pytest.mark.proves("found")
def test_the_models_numbers_were_found_from_imagenet():
    trained = IMAGENET.model.trainable_weights
    assert sum(weight.numpy().size for weight in trained) == 4_652_008
    assert IMAGENET.card.origin["data"] == "imagenet"


@pytest.mark.proves("private")
def test_a_photo_that_tellapart_is_given_goes_no_further(monkeypatch):
    """Whatever is connected to while it answers is noted; and it listens on this machine alone."""
    reached, connect = [], socket.socket.connect

    def noted(one, address):
        reached.append(address)
        return connect(one, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    answer = sent_pictures.prediction(CAT.read_bytes(), "cat.jpg")
    assert answer["things"][0][0] == "cat"
    assert reached == []
    with serving.listening(0) as listener, socket.create_connection(listener.getsockname()):
        assert reached == [listener.getsockname()]  # it would have been noted
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.proves("kinds")
def test_the_kinds_named_are_classes_and_a_giraffe_is_none():
    (sentence,) = (one.text for one in read(named("dog-or-cat")).claims if one.name == "kinds")
    for name in ("goldfish", "daisy", "accordion"):
        assert name in sentence
        assert name in IMAGENET.class_names
    assert not [name for name in IMAGENET.class_names if "giraffe" in name]


@pytest.mark.proves("open")
def test_explain_writes_a_page_that_shows_what_each_layer_makes_of_a_photo(tmp_path, monkeypatch):
    """Without the parts of the page that take long; the maps of its layers are tested elsewhere.

    Keras numbers the layers of every model that it builds, so names are compared without numbers.
    """
    quick = [section for section in explained.SECTIONS if section.name in ("answer", "layers")]
    monkeypatch.setattr(explained, "SECTIONS", quick)
    assert main(["explain", str(CAT), "--out", str(tmp_path)]) == 0
    (page,) = tmp_path.iterdir()
    data = json.loads(re.search('id="data">(.*?)</script>', page.read_text(encoding="utf-8"))[1])
    shown, own = (
        Counter(re.sub(r"_\d+$", "", name) for name in names)
        for names in (
            [layer["name"] for layer in data["layers"]["layers"]],
            [layer.name for layer in IMAGENET.model.layers[1:]],
        )
    )
    assert own <= shown


@pytest.mark.proves("ask")
def test_predict_answers_about_a_photo(capsys):
    assert main(["predict", str(CAT), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert (output["model"], output["predictions"][0]["group"]) == ("imagenet", "cat")
