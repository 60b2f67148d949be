"""Why this answer: which classes are asked about, what the section says, and what is said where something lacks."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import base64
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tellapart.classifier.card import card_of_plain_model
from tellapart.classifier.classifier import Classifier
from tellapart.explanations.attribution.budget import BUDGET, LEAST_FLOPS, cost_of, passes, scope_of
from tellapart.explanations.attribution.contrast import Contrast, questions_among
from tellapart.explanations.attribution.faithfulness import Faithfulness
from tellapart.explanations.attribution.heat_maps import heat_maps_of
from tellapart.explanations.explainer import Explainer
from tellapart.explanations.page import flips, why
from tellapart.explanations.page.why import verdict
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.pages.shrinking import shrunk

SURE = Faithfulness((0.9, 0.1), (0.1, 0.9), (0.9, 0.5), (0.1, 0.3), -0.4, True, True, sanity=0.1)
"""Better than random, and other than noise's."""


@pytest.fixture(scope="module")
def explanation(trained, color_photos):
    return Explainer(trained.classifier).explain(color_photos / "test/red/0.png")


@pytest.fixture(scope="module")
def part(explanation):
    return why.part(explanation)


def unpacked(packed):
    values = np.frombuffer(zlib.decompress(base64.b64decode(packed["deflated"])), np.uint8)
    return values.reshape(packed["shape"])


# --- Scope


def test_of_few_classes_and_a_small_network_all_are_asked_about():
    assert scope_of([2, 0, 1], [], 10**6).classes == (2, 0, 1)
    assert scope_of([2, 0, 1], [], 10**6).masks == 1000


def test_the_larger_the_network_the_fewer_classes_and_masks():
    order = list(range(1000))
    scopes = [scope_of(order, [], cost) for cost in (10**7, 3 * 10**8, 6 * 10**8, 10**10)]
    assert [len(one.classes) for one in scopes] == [9, 4, 2, 2]
    assert [one.masks for one in scopes] == [1000, 1000, 520, 250]
    for one in scopes[:-1]:
        assert passes(len(one.classes), one.masks) * max(one.cost, LEAST_FLOPS) <= BUDGET


def test_classes_that_somebody_named_come_at_any_cost():
    assert scope_of(list(range(1000)), [700, 0], 10**10).classes == (0, 1, 700)


def test_mobilenet_gets_two_classes_of_a_thousand():
    model = keras.applications.MobileNetV2((224, 224, 3), weights=None)
    recorder = Recorder(model, "probabilities")
    cost = cost_of(recorder, torch.zeros(224, 224, 3))
    assert 6.0e8 < cost < 5e9  # 300 million multiply-adds, in the paper, and some ten million numbers moved
    assert len(scope_of(list(range(1000)), [], cost).classes) == 2


# --- Maps


def test_every_question_has_six_maps_the_truest_first(explanation):
    found = explanation.heat_maps
    assert set(found.maps) == set(questions_among(found.scope.classes))
    assert found.scope.classes[0] == explanation.answer.index
    for maps in found.maps.values():
        assert len(maps) == 6
        assert all(one.values.shape == explanation.subject.image.shape[:2] for one in maps)
        true = [one.faithfulness.is_true for one in maps]
        assert true == sorted(true, reverse=True)
    assert set(found.of(0, 1)) == set(why.METHODS)


def test_a_class_that_was_left_out_is_none_of_its_questions(explanation):
    with pytest.raises(KeyError):
        explanation.heat_maps.of(99)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, "true here"),
        ({"sanity": None}, "true here"),
        ({"sanity": 0.5}, "shows the picture, not what was learned"),
        ({"deletion": (0.9, 0.7)}, "no truer than chance here"),
        ({"best_random_score": 0.2}, "no truer than chance here"),
        (
            {"insertion": (0.1, 0.2), "sanity": 0.9},
            "no truer than chance here; shows the picture, not what was learned",
        ),
    ],
)
def test_a_verdict_names_every_fault(changed, says):
    measured = replace(SURE, **changed)
    assert verdict(measured) == says
    assert measured.is_true == (says == "true here")


def test_the_page_carries_what_was_measured(explanation, part):
    for told, (question, maps) in zip(
        part.data["questions"], explanation.heat_maps.maps.items(), strict=True
    ):
        assert (told["of"], told["and_not"]) == (question.of, question.and_not)
        assert told["order"][0] in range(6)
        by_title = {why.METHODS[one.method][0]: one for one in maps}
        for title, row in zip(part.data["titles"], told["rows"], strict=True):
            measured = by_title[title].faithfulness
            assert row["verdict"] == verdict(measured)
            assert row["deletion"] == pytest.approx(measured.deletion_area, abs=1e-4)
            assert row["score"] == pytest.approx(measured.score, abs=1e-4)
        assert [part.data["titles"][place] for place in told["order"]] == list(by_title)


def test_maps_and_curves_survive_their_packing(explanation, part):
    maps, curves = unpacked(part.data["maps"]), unpacked(part.data["curves"])
    question = list(explanation.heat_maps.maps).index(Contrast(0, 1))
    titles = part.data["titles"]
    found = explanation.heat_maps.of(0, 1)
    heat = found["occlusion"].values
    back = (maps[question, titles.index("Occlusion")].astype(float) - 128) / 127 * np.abs(heat).max()
    np.testing.assert_allclose(back, heat, atol=np.abs(heat).max() / 127)
    own = curves[question, titles.index("Occlusion")] / 255
    np.testing.assert_allclose(own[0], found["occlusion"].faithfulness.deletion, atol=1 / 255)
    np.testing.assert_allclose(own[1], found["occlusion"].faithfulness.insertion, atol=1 / 255)


def test_words_count_the_true_maps(explanation, part):
    top = explanation.heat_maps.maps[Contrast(explanation.answer.index)]
    true = [why.METHODS[one.method][0] for one in top if one.faithfulness.is_true]
    assert part.values["asks"] == f"Why “{explanation.subject.class_names[explanation.answer.index]}”?"
    assert all(title in part.values["says"] for title in true)
    assert part.values["says"].startswith(str(len(true)) if true else "None")


def test_large_pictures_are_carried_small():
    images = torch.rand(2, 224, 112, 3)
    found = shrunk(images)
    assert found.shape == (2, 112, 56, 3)
    torch.testing.assert_close(found[0, 0, 0], images[0, :2, :2].mean((0, 1)))
    assert shrunk(images, 224) is images


# --- What cannot be had


class Alone(keras.Model):
    """A network whose layers only its own code knows, and which only its own code can make again."""

    def __init__(self, classes):
        super().__init__()
        self.flatten, self.head = keras.layers.Flatten(), keras.layers.Dense(classes, activation="softmax")

    def call(self, images):
        return self.head(self.flatten(images) / 255)


def plain():
    net = [keras.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    return keras.Sequential(net)


def subject_of(model):
    image = np.random.default_rng(0).integers(0, 256, (12, 12, 1), np.uint8)
    net = plain()
    classifier = Classifier.of_model(net, card_of_plain_model(net, Path("net.keras")))
    return Subject(classifier, Recorder(model, "probabilities"), "made", image, image)


def test_a_network_without_feature_maps_gets_the_other_maps_and_says_so():
    gaps = []
    found = heat_maps_of(subject_of(plain()), (0, 1, 2), (), gaps)
    assert set(found.of(0)) == {"integrated_gradients", "smooth_grad", "occlusion", "rise"}
    assert all(one.faithfulness.sanity is not None for one in found.of(0).values())
    assert len(gaps) == 1
    assert "no layer of this network keeps the places" in gaps[0]


def test_a_network_that_only_its_own_code_knows_gets_maps_without_the_check():
    model = Alone(3)
    model(np.zeros((1, 12, 12, 1), np.float32))
    gaps = []
    found = heat_maps_of(subject_of(model), (0, 1, 2), (), gaps)
    assert set(found.of(0)) == {"integrated_gradients", "smooth_grad", "occlusion", "rise"}
    assert all(one.faithfulness.sanity is None for one in found.of(0).values())
    assert any("could not be tried" in gap for gap in gaps)
    assert any("only the model's own code knows its layers" in gap for gap in gaps)


# --- What would change its mind


def test_changes_are_told_the_smallest_first_and_then_those_that_flip_nothing(explanation):
    found = flips.part(explanation)
    amounts = [row["amount"] for row in found.values["flipped"]]
    assert amounts == sorted(amounts)
    assert all(row["amount"] is None for row in found.values["unmoved"])
    rows = found.values["flipped"] + found.values["unmoved"]
    names = explanation.subject.class_names
    by_name = {one.name: one for one in explanation.flips}
    assert {row["name"] for row in rows} == set(by_name)
    for row in rows:
        assert row["answer"] == names[by_name[row["name"]].answer]
        assert (row["answer"] == found.values["says"]) == (row["amount"] is None)
        assert row["probability"] == pytest.approx(max(by_name[row["name"]].probabilities))
    pictures = unpacked(found.data["pictures"])
    expected = by_name[rows[0]["name"]].image.round().numpy().astype(np.uint8)
    np.testing.assert_array_equal(pictures[0], expected)
