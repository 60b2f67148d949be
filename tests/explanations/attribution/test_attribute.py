"""Many questions at once get the maps that each of them gets alone."""

import keras
import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.explanations.attribution.attribute import noisy_recorder, reasons
from tellapart.explanations.attribution.cam import (
    feature_maps,
    grad_cam_plus_plus,
    gradient_at,
    spatial_layers,
)
from tellapart.explanations.attribution.contrast import Contrast, questions_among
from tellapart.explanations.attribution.faithfulness import area
from tellapart.explanations.attribution.gradients import integrated_gradients, smooth_grad
from tellapart.explanations.attribution.methods import METHODS, AttributionTask
from tellapart.explanations.attribution.perturbation import occlusion, rise
from tellapart.explanations.recorder import Recorder

ASKED = questions_among((3, 6))


@pytest.fixture(scope="module")
def case(recorder, image):
    return AttributionTask(recorder, image, ASKED, masks=100)


def alone(case, question):
    """The map of one question, computed of that question's own logits or share: method -> (H, W)."""
    image, run = case.image, case.recorder.run

    def logits(images):
        return question.of_logits(run(images).logits)[:, None]

    def shares(images):
        return question.of_probabilities(run(images).logits.softmax(-1))[:, None]

    black, gray = torch.zeros_like(image), image.mean((0, 1))
    return {
        "integrated_gradients": lambda: integrated_gradients(logits, image, black)[0].sum(-1),
        "smooth_grad": lambda: smooth_grad(logits, image)[0].abs().sum(-1),
        "occlusion": lambda: occlusion(logits, image, gray, window=8, stride=2)[0],
        "rise": lambda: rise(shares, image, masks=100)[0],
    }


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * float(theirs.abs().max()))


def test_the_questions_are_each_class_and_each_ordered_pair():
    assert questions_among((3, 6)) == (Contrast(3), Contrast(6), Contrast(3, 6), Contrast(6, 3))
    assert len(questions_among(range(5))) == 25


@pytest.mark.parametrize("method", ["integrated_gradients", "smooth_grad", "occlusion", "rise"])
def test_combined_maps_are_those_computed_alone(case, method):
    drawn = METHODS[method](case)
    assert set(drawn.maps) == set(ASKED)
    for question in (Contrast(6), Contrast(3, 6)):
        close(drawn.maps[question], alone(case, question)[method]())


def test_combined_grad_cam_plus_plus_is_that_of_the_difference(case, recorder, image):
    question = Contrast(3, 6)
    drawn = METHODS["grad_cam_plus_plus"](case)
    recording = recorder.run(image[None].clone().requires_grad_())
    layer, grid = recording.layer(drawn.layer), spatial_layers(recording)[drawn.layer]
    gradient = gradient_at(question.of_logits(recording.logits), layer, grid)
    heat = grad_cam_plus_plus(feature_maps(layer, grid), gradient)
    fine = torch.nn.functional.interpolate(heat[None], (32, 32), mode="bilinear")[0, 0]
    close(drawn.maps[question], fine)


def test_shares_of_a_pair_are_measured_of_that_pair(case, recorder, image):
    found = reasons(case, (), ["occlusion"])
    first, second = (found[Contrast(*pair)][0].faithfulness for pair in ((3, 6), (6, 3)))
    assert first.deletion[0] == pytest.approx(1 - second.deletion[0], abs=1e-6)
    probabilities = recorder.run(image[None]).logits.softmax(-1)
    assert first.deletion[0] == pytest.approx(float(Contrast(3, 6).of_probabilities(probabilities)), abs=1e-6)
    assert first.random_deletion_area == pytest.approx(1 - second.random_deletion_area, abs=1e-6)
    assert first.random_deletion_area == pytest.approx(area(first.random_deletion))


def test_a_recorder_gives_logits_without_keeping_layers(recorder, image):
    assert torch.equal(recorder.logits(image[None]), recorder.run(image[None]).logits)


class Alone(keras.Model):
    """A network whose layers only its own code knows."""

    def __init__(self):
        super().__init__()
        self.flatten, self.head = keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")

    def call(self, images):
        return self.head(self.flatten(images) / 255)


@pytest.fixture(scope="module")
def hidden():
    model = Alone()
    model(np.zeros((1, 16, 16, 1), np.float32))
    return Recorder(model, "probabilities")


def test_a_network_that_shows_no_layer_gets_the_other_maps(hidden):
    image = torch.rand(16, 16, 1, generator=torch.Generator().manual_seed(0)) * 255
    found = reasons(AttributionTask(hidden, image, (Contrast(0),), masks=50))[Contrast(0)]
    assert [one.method for one in found] == ["integrated_gradients", "smooth_grad", "occlusion", "rise"]
    assert all(one.faithfulness.sanity is None for one in found)
    with pytest.raises(ConfigError, match="grad_cam needs a layer"):
        reasons(AttributionTask(hidden, image, (Contrast(0),)), (), ["grad_cam"])


def test_a_network_that_cannot_be_made_again_is_refused(hidden):
    class Bound(Alone):
        def __init__(self, size):
            super().__init__()

    model = Bound(3)
    model(np.zeros((1, 16, 16, 1), np.float32))
    with pytest.raises(ValueError):  # noqa: PT011
        noisy_recorder(Recorder(model, "probabilities"))


def test_an_unknown_method_is_refused(case):
    with pytest.raises(ConfigError, match="There is no method 'guess'"):
        reasons(case, (), ["guess"])
