"""`explain` writes a page for each picture, and says plainly what it cannot show."""

import numpy as np
import pytest
from command_line import tellapart
from PIL import Image

from tellapart.cli.terminal.explanation_pages import _prediction
from tellapart.cli.terminal.tables import answer_of
from tellapart.keras_backend import import_keras


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    place = tmp_path_factory.mktemp("photos") / "cat.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)).save(place)
    return place


def test_a_run_folder_explains_a_picture(run, photo, tmp_path):
    result = tellapart("explain", run, photo, "--out", tmp_path / "pages", "--json")
    assert result.code == 0, result.err
    (told,) = result.json["explanations"]
    assert told["page"] == str(tmp_path / "pages" / "cat.html")
    assert (tmp_path / "pages" / "cat.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sum(told["probabilities"].values()) == pytest.approx(1)
    answered = tellapart("predict", run, photo, "--json").json["predictions"][0]
    assert told["predicted"] == answered["predicted"]
    assert {one["method"] for one in told["why"][0]["maps"]} >= {"grad_cam", "rise"}
    assert {one["change"] for one in told["counterfactuals"]} >= {"blur", "crop"}
    assert len(told["training"]["nearest"]) == 8
    assert told["probabilities"] == pytest.approx(answered["probabilities"])


def test_quick_draws_one_map_and_names_what_it_leaves_out(run, photo, tmp_path):
    result = tellapart("explain", run, photo, "--quick", "--out", tmp_path / "pages", "--json")
    assert result.code == 0, result.err
    (told,) = result.json["explanations"]
    (why,) = told["why"]
    assert (why["of"], why["and_not"]) == (told["predicted"], None)
    (heat_map,) = why["maps"]
    assert heat_map["method"] == "rise"
    assert heat_map["verdict"]
    assert heat_map["randomized_similarity"] is not None
    assert told["counterfactuals"] is None
    assert told["training"] is None
    page = (tmp_path / "pages" / "cat.html").read_text(encoding="utf-8")
    assert 'id="why"' in page
    for section, title in (("layers", "Layer by layer"), ("counterfactuals", "What would change its mind")):
        assert f'id="{section}"' not in page
        assert title in told["missing"][0]


def test_the_quick_map_is_that_of_the_whole_page(run, photo, tmp_path):
    whole, quick = (
        tellapart("explain", run, photo, *more, "--out", tmp_path / "pages", "--json").json["explanations"][0]
        for more in ([], ["--quick"])
    )
    (rise,) = (each for each in whole["why"][0]["maps"] if each["method"] == "rise")
    ours = quick["why"][0]["maps"][0]
    assert ours["verdict"] == rise["verdict"]
    for name in ("deletion_area", "insertion_area", "random_insertion_area", "randomized_similarity"):
        assert ours[name] == pytest.approx(rise[name], abs=1e-3)


def test_a_picture_that_is_none_is_said_and_the_others_explained(run, photo, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    result = tellapart("explain", run, broken, photo, photo, "--out", tmp_path / "pages")
    assert result.code == 3
    assert "broken.jpg" in result.err
    assert {page.name for page in (tmp_path / "pages").iterdir()} == {"cat.html", "cat-2.html"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--class", "cow"], "no class 'cow'"),
        (["--out", "{photo}"], "is a file"),
        (["--quick", "--class", "dark"], "one heat map, of the predicted class"),
    ],
)
def test_bad_options_are_refused_before_any_page(run, photo, arguments, said):
    result = tellapart("explain", run, photo, *(one.format(photo=photo) for one in arguments))
    assert result.code == 2
    assert said in result.err


def test_no_picture_named(run):
    result = tellapart("explain", run)
    assert result.code == 2
    assert "tellapart explain" in result.err


def test_a_model_that_is_no_classifier(photo, tmp_path):
    keras = import_keras()
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    model.save(tmp_path / "none.keras")
    result = tellapart("explain", tmp_path / "none.keras", photo)
    assert result.code != 0
    assert "not an image classifier" in result.err
    assert not list(tmp_path.glob("*.html"))


def test_somebodys_own_file_is_not_replaced_and_a_page_is(run, photo, tmp_path):
    (tmp_path / "cat.html").write_text("mine", encoding="utf-8")
    for _ in range(2):
        assert tellapart("explain", run, photo, "--out", tmp_path).code == 0
    assert (tmp_path / "cat.html").read_text(encoding="utf-8") == "mine"
    assert {page.name for page in tmp_path.glob("*.html")} == {"cat.html", "cat-2.html"}


def test_a_name_in_another_encoding_makes_a_page_of_utf8(run, photo, tmp_path):
    import os
    import shutil

    odd = os.fsencode(tmp_path) + b"/bad\xff.png"
    shutil.copy(photo, odd)
    assert tellapart("explain", run, os.fsdecode(odd), "--out", tmp_path / "pages").code == 0
    (page,) = (tmp_path / "pages").iterdir()
    assert "bad" in page.read_text(encoding="utf-8")


def test_it_prints_the_line_that_predict_prints(run, photo, tmp_path):
    explained = tellapart("explain", run, photo, "--out", tmp_path / "pages").out.splitlines()
    assert explained[0] == tellapart("predict", run, photo).out.splitlines()[0]
    assert explained[1] == f"  {tmp_path / 'pages' / 'cat.html'}"


def test_an_unfamiliar_picture_is_said_before_its_closest_class():
    values = {
        "picture": "a.png",
        "predicted": "dog",
        "probabilities": {"cat": 0.1, "dog": 0.9},
        "familiar": False,
    }
    assert answer_of(_prediction(values)) == "probably none of these; if it is one: dog 90%"
    grouped = {**values, "familiar": True, "group": "pet", "group_probability": 1.0, "group_class": "dog"}
    assert answer_of(_prediction(grouped)) == "pet 100% (dog 90%)"
