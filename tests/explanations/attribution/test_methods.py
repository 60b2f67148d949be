"""Heat maps are Captum's, on a trained network and a real photo."""

import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion

from tellapart.explanations.attribution.cam import feature_maps, grad_cam, gradient_at, spatial_layers
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.gradients import gradients, integrated_gradients, smooth_grad
from tellapart.explanations.attribution.perturbation import occlusion, rise

QUESTIONS = [Contrast(3), Contrast(6, and_not=3)]


@pytest.fixture(params=QUESTIONS, ids=["why", "why and not"])
def question(request):
    return request.param


@pytest.fixture
def asked(recorder, question):
    return lambda images: question.of_logits(recorder.run(images).logits)[:, None]


def close(ours, theirs):
    """Within 1e-4 of the largest value."""
    largest = float(theirs.abs().max())
    assert largest > 0
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * largest)


class Module(torch.nn.Module):
    """The network as Captum wants one."""

    def __init__(self, recorder, asked):
        super().__init__()
        self.net, self.asked = recorder.net, asked

    def forward(self, images):
        return self.asked(images)[:, 0]


@pytest.mark.parametrize("name", ["conv2d", "batch_normalization_3", "activation_6"])
def test_grad_cam_is_captums(recorder, asked, question, image, name):
    recording = recorder.run(image[None])
    layer, grid = recording.layer(name), spatial_layers(recording)[name]
    gradient = gradient_at(question.of_logits(recording.logits), layer, grid)
    found = grad_cam(feature_maps(layer, grid), gradient)
    captum = LayerGradCam(Module(recorder, asked), recording.layer(name).operation)
    close(found.detach(), captum.attribute(image[None])[:, 0].detach())


def test_integrated_gradients_are_captums(asked, image):
    black = torch.zeros_like(image)
    found = integrated_gradients(asked, image, black, steps=32)[0]
    theirs = IntegratedGradients(lambda images: asked(images)[:, 0])
    close(found, theirs.attribute(image[None], n_steps=32)[0].float())


def test_integrated_gradients_sum_to_the_difference(asked, image):
    black = torch.zeros_like(image)
    found = integrated_gradients(asked, image, black, steps=128)
    difference = asked(image[None]) - asked(black[None])
    assert float(found.sum()) == pytest.approx(float(difference), abs=0.05 * abs(float(difference)) + 0.05)


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (5, 3), (40, 8)])
def test_occlusion_is_captums(asked, image, window, stride):
    gray = torch.full((3,), 127.0)
    found = occlusion(asked, image, gray, window=window, stride=stride)[0]
    side = min(window, 32)
    theirs = Occlusion(lambda images: asked(images)[:, 0]).attribute(
        image[None],
        sliding_window_shapes=(side, side, 3),
        strides=(stride, stride, 3),
        baselines=gray.expand(1, 32, 32, 3),
    )
    close(found, theirs[0, ..., 0].float())


def test_smooth_grad_without_noise_is_the_gradient(asked, image):
    close(smooth_grad(asked, image, samples=3, noise=0.0), gradients(asked, image[None])[:, 0])


def test_smooth_grad_comes_from_its_seed(asked, image):
    first, again = (smooth_grad(asked, image, samples=4, seed=1) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, smooth_grad(asked, image, samples=4, seed=2))


def test_rise_of_an_answer_that_never_changes_is_that_answer_everywhere(image):
    """The masks' own pattern leaves no trace."""
    found = rise(lambda images: torch.full((len(images), 1), 0.25), image, masks=100)
    torch.testing.assert_close(found, torch.full((1, 32, 32), 0.25))
