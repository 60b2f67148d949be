"""What is explained, and what is refused before any work is done."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.api.explain import write_pages
from tellapart.classifier.card import card_of_plain_model
from tellapart.classifier.classifier import Classifier
from tellapart.errors import ConfigError, DataError
from tellapart.explanations.explainer import Explainer
from tellapart.explanations.page.page import page

layers = keras.layers


def test_a_run_of_another_network_is_refused(run, digits_folder):
    image = run.stores["test"].images[0]
    model = keras.models.clone_model(run.classifier.model)
    other = Classifier.of_model(model, run.classifier.card)
    with pytest.raises(ConfigError, match="another network"):
        tellapart.explain(other, image, run=digits_folder)
    assert tellapart.explain(tellapart.load(digits_folder), image, run=digits_folder).training is not None


def test_a_quick_explanation_has_one_map_and_never_starts_keras(tmp_path):
    """Starting Keras takes as long as the map."""
    program = (
        "import sys, numpy as np, tellapart\n"
        "image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)\n"
        "explanation = tellapart.explain('cifar10', image, quick=True)\n"
        "explanation.save(sys.argv[1])\n"
        "(maps,) = [each['maps'] for each in explanation.to_dict()['why']]\n"
        "print(len(maps), 'keras' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_a_quick_explanation_compares_no_classes(run):
    with pytest.raises(ConfigError, match="one heat map, of the predicted class"):
        tellapart.explain(run.classifier, run.stores["test"].images[0], classes="3", quick=True)


@pytest.mark.parametrize("nothing", [[1, 2], 7])
def test_what_is_no_picture_is_refused(run, nothing):
    with pytest.raises(DataError, match="uint8 array"):
        tellapart.explain(run.classifier, nothing)


def test_one_class_may_be_named_without_a_list(run):
    image = run.stores["test"].images[0]
    assert tellapart.explain(run.classifier, image, classes="3").named == (3,)
    with pytest.raises(ConfigError, match="no class '34'"):
        tellapart.explain(run.classifier, image, classes="34")


def test_a_softmax_that_is_an_operator_is_no_trouble(tmp_path):
    pictures = keras.Input((16, 16, 3))
    x = layers.Flatten()(layers.Conv2D(2, 3)(pictures))
    model = keras.Model(pictures, keras.ops.softmax(layers.Dense(3)(x)))
    classifier = Classifier.of_model(model, card_of_plain_model(model, tmp_path / "net.keras"))
    answer = tellapart.explain(classifier, np.zeros((16, 16, 3), np.uint8)).answer
    assert answer.probabilities == pytest.approx(answer.tta_probabilities, abs=1e-6)


def test_a_page_of_another_network_or_picture_stays_and_one_of_the_same_is_written_anew(
    tmp_path, monkeypatch
):
    from tellapart.explanations.page import page as pages

    monkeypatch.setattr(
        pages, "SECTIONS", [each for each in pages.SECTIONS if each.name in ("answer", "picture")]
    )
    first, second = (_explainer_of_a_small_network(seed) for seed in (0, 1))
    photo, other = tmp_path / "cat.png", tmp_path / "other" / "cat.png"
    other.parent.mkdir()
    for place in (photo, other):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(place)
    folder = tmp_path / "pages"

    def written(explainer, picture):
        (page,), _ = write_pages(explainer, [picture], folder)
        return page.path.name

    assert written(first, photo) == "cat.html"
    of_the_first = (folder / "cat.html").read_bytes()
    assert written(second, photo) == "cat-2.html"
    assert written(first, other) == "cat-3.html"
    assert (folder / "cat.html").read_bytes() == of_the_first
    assert [written(first, photo), written(second, photo), written(first, other)] == [
        "cat.html",
        "cat-2.html",
        "cat-3.html",
    ]


def _explainer_of_a_small_network(seed):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)]
    )
    return Explainer(Classifier.of_model(model, card_of_plain_model(model, Path("net.keras"))))


def test_a_section_that_fails_is_named_and_the_others_are_shown(explained, monkeypatch):
    from tellapart.explanations.page import page as pages

    def broken(_):
        raise ValueError("no such thing")

    section = pages.Section("counterfactuals", "What would change the prediction", broken)
    kept = [each for each in pages.SECTIONS if each.name in ("answer", "picture")]
    monkeypatch.setattr(pages, "SECTIONS", [*kept, section])
    html = page(explained())
    assert "What would change the prediction: a bug in tellapart, ValueError: no such thing" in html
    assert "The picture as numbers" in html
