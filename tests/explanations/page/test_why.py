"""The section "Why this prediction": which classes are compared, what it says, and what is noted where parts lack."""

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
from tellapart.explanations.attribution.budget import BUDGET, GRID_SIZES, MIN_FLOPS, runs, scope_of
from tellapart.explanations.attribution.contrast import Contrast, contrasts_among
from tellapart.explanations.attribution.faithfulness import Faithfulness
from tellapart.explanations.attribution.heat_maps import heat_maps_of
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.attribution.random_baseline import RANDOM_MAPS
from tellapart.explanations.attribution.task import Effort
from tellapart.explanations.cost import cost_of
from tellapart.explanations.explainer import Explainer
from tellapart.explanations.page import counterfactuals, why
from tellapart.explanations.page.why import PASSED, verdict
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.pages.shrinking import shrunk

FAITHFUL = Faithfulness(
    (0.9, 0.1), (0.1, 0.9), (0.9, 0.5), (0.1, 0.3), -0.4, True, True, randomized_similarity=0.1
)
"""Better than random, and unlike the map of a randomized network."""

WITHOUT_LAYERS = {name for name, method in METHODS.items() if not method.needs_feature_maps}


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


def test_few_classes_in_a_small_network_are_all_compared():
    assert scope_of([2, 0, 1], [], 10**6).classes == (2, 0, 1)
    assert scope_of([2, 0, 1], [], 10**6).masks == 1000


def test_the_larger_the_network_the_fewer_classes_and_masks():
    order = list(range(1000))
    scopes = [scope_of(order, [], cost) for cost in (10**7, 3 * 10**8, 6 * 10**8, 10**10)]
    assert [len(one.classes) for one in scopes] == [9, 4, 2, 2]
    assert [one.masks for one in scopes] == [1000, 1000, 520, 120]
    for one in scopes[:-1]:
        assert runs(len(one.classes), one.effort) * max(one.cost, MIN_FLOPS) <= BUDGET


def test_a_photo_network_gets_less_effort_and_never_fewer_random_maps():
    """What a verdict means does not depend on the network's size; how smooth its curves are does."""
    small, photo, large = (scope_of([0, 1, 2], [], cost) for cost in (10**7, 3 * 10**9, 10**10))
    assert small.effort == Effort()
    each = [
        (one.effort.curve_steps, one.effort.quadrature, runs(2, one.effort)) for one in (small, photo, large)
    ]
    assert each == sorted(each, reverse=True)
    assert runs(2, large.effort) > 2 * 5 * GRID_SIZES * RANDOM_MAPS


def test_classes_that_the_user_named_come_at_any_cost():
    assert scope_of(list(range(1000)), [700, 0], 10**10).classes == (0, 1, 700)


def test_mobilenet_gets_two_classes_of_a_thousand():
    model = keras.applications.MobileNetV2((224, 224, 3), weights=None)
    recorder = Recorder(model, "probabilities")
    cost = cost_of(recorder, torch.zeros(224, 224, 3))
    assert 6.0e8 < cost < 5e9  # 300 million multiply-adds, in the paper, and some ten million numbers moved
    assert len(scope_of(list(range(1000)), [], cost).classes) == 2


# --- Maps


def test_every_contrast_has_a_map_by_each_method_the_most_faithful_first(explanation):
    heat_maps = explanation.heat_maps
    assert set(heat_maps.maps) == set(contrasts_among(heat_maps.scope.classes))
    assert heat_maps.scope.classes[0] == explanation.answer.index
    for maps in heat_maps.maps.values():
        assert len(maps) == len(METHODS)
        assert all(each.values.shape == explanation.subject.image.shape[:2] for each in maps)
        order = [(each.faithfulness.is_faithful, each.faithfulness.score) for each in maps]
        assert order == sorted(order, reverse=True)
    assert set(heat_maps.of(0, 1)) == set(METHODS)


def test_a_class_that_was_left_out_has_no_maps(explanation):
    with pytest.raises(KeyError):
        explanation.heat_maps.of(99)


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({}, ""),
        ({"randomized_similarity": None}, ""),
        ({"randomized_similarity": 0.5}, "shows the picture, not what the network learned"),
        ({"deletion": (0.9, 0.7)}, "no better than a random map"),
        ({"best_random_score": 0.2}, "no better than a random map"),
        (
            {"insertion": (0.1, 0.2), "randomized_similarity": 0.9},
            "no better than a random map; shows the picture, not what the network learned",
        ),
    ],
)
def test_a_verdict_names_every_fault(changed, faults):
    measured = replace(FAITHFUL, **changed)
    assert verdict(measured) == (f"Not reliable: {faults}" if faults else PASSED)
    assert measured.is_faithful == (not faults)


def test_the_page_carries_what_was_measured(explanation, part):
    for shown, (contrast, maps) in zip(
        part.data["contrasts"], explanation.heat_maps.maps.items(), strict=True
    ):
        assert (shown["of"], shown["and_not"]) == (contrast.of, contrast.and_not)
        by_title = {METHODS[each.method].title: each for each in maps}
        for title, row in zip(part.data["titles"], shown["rows"], strict=True):
            measured = by_title[title].faithfulness
            assert row["verdict"] == verdict(measured)
            assert row["deletion"] == pytest.approx(measured.deletion_area, abs=1e-4)
            assert row["score"] == pytest.approx(measured.score, abs=1e-4)
        assert [part.data["titles"][place] for place in shown["order"]] == list(by_title)


def test_maps_and_curves_survive_their_packing(explanation, part):
    maps, curves = unpacked(part.data["maps"]), unpacked(part.data["curves"])
    contrast = list(explanation.heat_maps.maps).index(Contrast(0, 1))
    titles = part.data["titles"]
    occlusion = explanation.heat_maps.of(0, 1)["occlusion"]
    heat = occlusion.values
    back = (maps[contrast, titles.index("Occlusion")].astype(float) - 128) / 127 * np.abs(heat).max()
    np.testing.assert_allclose(back, heat, atol=np.abs(heat).max() / 127)
    own = curves[contrast, titles.index("Occlusion")] / 255
    np.testing.assert_allclose(own[0], occlusion.faithfulness.deletion, atol=1 / 255)
    np.testing.assert_allclose(own[1], occlusion.faithfulness.insertion, atol=1 / 255)


def test_the_summary_counts_the_faithful_maps(explanation, part):
    top = explanation.heat_maps.maps[Contrast(explanation.answer.index)]
    faithful = [METHODS[each.method].title for each in top if each.faithfulness.is_faithful]
    assert part.values["question"] == f"Why “{explanation.subject.class_names[explanation.answer.index]}”?"
    assert all(title in part.values["summary"] for title in faithful)
    assert part.values["summary"].startswith(str(len(faithful)) if faithful else "None")


def test_large_pictures_are_carried_small():
    images = torch.rand(2, 224, 112, 3)
    small = shrunk(images)
    assert small.shape == (2, 112, 56, 3)
    torch.testing.assert_close(small[0, 0, 0], images[0, :2, :2].mean((0, 1)))
    assert shrunk(images, 224) is images


# --- What cannot be had


class Subclassed(keras.Model):
    """A model whose layers cannot be seen, and which cannot be cloned."""

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
    heat_maps = heat_maps_of(subject_of(plain()), (0, 1, 2), (), gaps)
    assert set(heat_maps.of(0)) == WITHOUT_LAYERS
    assert all(each.faithfulness.randomized_similarity is not None for each in heat_maps.of(0).values())
    assert gaps == ["Heat maps by Grad-CAM and Grad-CAM++: this network has no layer with feature maps."]


def test_a_model_that_cannot_be_cloned_gets_maps_without_the_comparison():
    model = Subclassed(3)
    model(np.zeros((1, 12, 12, 1), np.float32))
    gaps = []
    heat_maps = heat_maps_of(subject_of(model), (0, 1, 2), (), gaps)
    assert set(heat_maps.of(0)) == WITHOUT_LAYERS
    assert all(each.faithfulness.randomized_similarity is None for each in heat_maps.of(0).values())
    assert any("cannot be cloned" in gap for gap in gaps)
    assert any("neither Sequential nor Functional" in gap for gap in gaps)


# --- Counterfactuals


def test_changes_come_the_smallest_first_and_then_those_without_effect(explanation):
    section = counterfactuals.part(explanation)
    amounts = [row["amount"] for row in section.values["changed"]]
    assert amounts == sorted(amounts)
    assert all(row["amount"] is None for row in section.values["unchanged"])
    rows = section.values["changed"] + section.values["unchanged"]
    names = explanation.subject.class_names
    by_name = {each.name: each for each in explanation.counterfactuals}
    assert {row["name"] for row in rows} == set(by_name)
    for row in rows:
        assert row["predicted"] == names[by_name[row["name"]].predicted]
        assert (row["predicted"] == section.values["predicted"]) == (row["amount"] is None)
        assert row["probability"] == pytest.approx(max(by_name[row["name"]].probabilities))
    has_pictures = bool(section.values["changed"]) and section.values["is_small"]
    assert ("pictures" in section.data) == has_pictures
    if not has_pictures:
        return
    pictures = unpacked(section.data["pictures"])
    expected = by_name[rows[0]["name"]].image.round().numpy().astype(np.uint8)
    np.testing.assert_array_equal(pictures[0], expected)
