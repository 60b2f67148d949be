"""Maps drawn for many contrasts at once are those that each contrast gets alone."""

import keras
import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.explanations.attribution.attribute import attribute
from tellapart.explanations.attribution.cam import (
    feature_maps,
    grad_cam_plus_plus,
    gradient_at,
    spatial_layers,
)
from tellapart.explanations.attribution.contrast import Contrast, contrasts_among
from tellapart.explanations.attribution.faithfulness import area
from tellapart.explanations.attribution.gradients import integrated_gradients, smooth_grad
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.attribution.perturbation import occlusion, rise
from tellapart.explanations.attribution.task import AttributionTask, Effort
from tellapart.explanations.recorder import Recorder

CONTRASTS = contrasts_among((3, 6))
WITHOUT_LAYERS = [name for name, method in METHODS.items() if not method.needs_feature_maps]


@pytest.fixture(scope="module")
def task(recorder, image):
    return AttributionTask(recorder, image, CONTRASTS, Effort(masks=100))


def alone(task, contrast):
    """Each method's map of one contrast, computed from that contrast's own logits or share: method -> (H, W)."""
    image, logits_of = task.image, task.recorder.logits

    def logits(images):
        return contrast.of_logits(logits_of(images))[:, None]

    def shares(images):
        return contrast.of_probabilities(logits_of(images).softmax(-1))[:, None]

    black, gray = torch.zeros_like(image), image.mean((0, 1))
    return {
        "integrated_gradients": lambda: integrated_gradients(logits, image, black)[0].sum(-1),
        "smooth_grad": lambda: smooth_grad(logits, image)[0].abs().sum(-1),
        "occlusion": lambda: occlusion(logits, image, gray, window=8, stride=2)[0],
        "rise": lambda: rise(shares, image, masks=100)[0],
    }


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * float(theirs.abs().max()))


def test_contrasts_are_each_class_and_each_ordered_pair():
    assert contrasts_among((3, 6)) == (Contrast(3), Contrast(6), Contrast(3, 6), Contrast(6, 3))
    assert len(contrasts_among(range(5))) == 25


@pytest.mark.parametrize("method", WITHOUT_LAYERS)
def test_combined_maps_are_those_computed_alone(task, method):
    attribution = METHODS[method].draw(task)
    assert set(attribution.maps) == set(CONTRASTS)
    for contrast in (Contrast(6), Contrast(3, 6)):
        close(attribution.maps[contrast], alone(task, contrast)[method]())


def test_combined_grad_cam_plus_plus_is_that_of_the_difference(task, recorder, image):
    contrast = Contrast(3, 6)
    attribution = METHODS["grad_cam_plus_plus"].draw(task)
    recording = recorder.run(image[None].clone().requires_grad_())
    layer, grid = recording.layer(attribution.layer), spatial_layers(recording)[attribution.layer]
    gradient = gradient_at(contrast.of_logits(recording.logits), layer, grid)
    heat = grad_cam_plus_plus(feature_maps(layer, grid), gradient)
    fine = torch.nn.functional.interpolate(heat[None], (32, 32), mode="bilinear")[0, 0]
    close(attribution.maps[contrast], fine)


def test_shares_of_a_pair_are_measured_of_that_pair(task, recorder, image):
    heat_maps = attribute(task, (), ["occlusion"])
    first, second = (heat_maps[Contrast(*pair)][0].faithfulness for pair in ((3, 6), (6, 3)))
    assert first.deletion[0] == pytest.approx(1 - second.deletion[0], abs=1e-6)
    probabilities = recorder.run(image[None]).logits.softmax(-1)
    assert first.deletion[0] == pytest.approx(float(Contrast(3, 6).of_probabilities(probabilities)), abs=1e-6)
    assert first.random_deletion_area == pytest.approx(1 - second.random_deletion_area, abs=1e-6)
    assert first.random_deletion_area == pytest.approx(area(first.random_deletion))


def test_maps_of_feature_maps_are_compared_with_all_randomized_networks_and_others_with_the_first(
    recorder, image
):
    task = AttributionTask(recorder, image, (Contrast(3),))
    randomized = [recorder.randomized(seed) for seed in range(2)]
    methods = ["grad_cam", "occlusion"]

    def similarities(recorders):
        maps = attribute(task, recorders, methods)[Contrast(3)]
        return [heat_map.faithfulness.randomized_similarity for heat_map in maps]

    (cam, occluded), (other_cam, _) = (similarities([each]) for each in randomized)
    assert cam != other_cam
    assert similarities(randomized) == pytest.approx([(cam + other_cam) / 2, occluded])


def test_a_recorder_gives_logits_without_keeping_layers(recorder, image):
    recorded = recorder.run(image[None]).logits
    torch.testing.assert_close(recorder.logits(image[None]), recorded, rtol=1e-5, atol=1e-5)


class Subclassed(keras.Model):
    """A subclassed model, whose layers cannot be seen."""

    def __init__(self):
        super().__init__()
        self.flatten, self.head = keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")

    def call(self, images):
        return self.head(self.flatten(images) / 255)


@pytest.fixture(scope="module")
def hidden():
    model = Subclassed()
    model(np.zeros((1, 16, 16, 1), np.float32))
    return Recorder(model, "probabilities")


def test_a_subclassed_model_gets_the_maps_that_need_no_layer(hidden):
    image = torch.rand(16, 16, 1, generator=torch.Generator().manual_seed(0)) * 255
    maps = attribute(AttributionTask(hidden, image, (Contrast(0),), Effort(masks=50)))[Contrast(0)]
    assert [heat_map.method for heat_map in maps] == WITHOUT_LAYERS
    assert all(heat_map.faithfulness.randomized_similarity is None for heat_map in maps)
    with pytest.raises(ConfigError, match="grad_cam needs a layer"):
        attribute(AttributionTask(hidden, image, (Contrast(0),)), (), ["grad_cam"])


def test_a_model_that_cannot_be_cloned_is_refused(hidden):
    class Bound(Subclassed):
        def __init__(self, size):
            super().__init__()

    model = Bound(3)
    model(np.zeros((1, 16, 16, 1), np.float32))
    with pytest.raises(ValueError):  # noqa: PT011
        Recorder(model, "probabilities").randomized(0)


def test_an_unknown_method_is_refused(task):
    with pytest.raises(ConfigError, match=r"no attribution method 'guess'\. Choose from: grad_cam, "):
        attribute(task, (), ["guess"])
