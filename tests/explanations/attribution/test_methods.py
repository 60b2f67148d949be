"""Heat maps are Captum's, on a trained network and a real photo."""

import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam, Occlusion

from tellapart.explanations.attribution.cam import (
    feature_maps,
    grad_cam,
    grad_cam_plus_plus,
    gradient_at,
    spatial_layers,
)
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.gradients import gradients, integrated_gradients, smooth_grad
from tellapart.explanations.attribution.perturbation import occlusion, rise

CONTRASTS = [Contrast(3), Contrast(6, and_not=3)]


@pytest.fixture(params=CONTRASTS, ids=["why", "why and not"])
def contrast(request):
    return request.param


@pytest.fixture
def scores(recorder, contrast):
    return lambda images: contrast.of_logits(recorder.run(images).logits)[:, None]


def close(ours, theirs):
    """Within 1e-4 of the largest value."""
    largest = float(theirs.abs().max())
    assert largest > 0
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * largest)


class Module(torch.nn.Module):
    """The network as the torch module that Captum expects."""

    def __init__(self, recorder, scores):
        super().__init__()
        self.net, self.scores = recorder.net, scores

    def forward(self, images):
        return self.scores(images)[:, 0]


@pytest.mark.parametrize("name", ["conv2d", "batch_normalization_3", "activation_6"])
def test_grad_cam_is_captums(recorder, scores, contrast, image, name):
    recording = recorder.run(image[None])
    layer, grid = recording.layer(name), spatial_layers(recording)[name]
    gradient = gradient_at(contrast.of_logits(recording.logits), layer, grid)
    ours = grad_cam(feature_maps(layer, grid), gradient)
    captum = LayerGradCam(Module(recorder, scores), recording.layer(name).operation)
    close(ours.detach(), captum.attribute(image[None])[:, 0].detach())


def test_grad_cam_plus_plus_is_the_papers_formula():
    """Equation 19, term by term, with gradients of both signs."""
    random = torch.Generator().manual_seed(0)
    maps, gradients = torch.rand(1, 3, 4, 2, generator=random), torch.randn(1, 3, 4, 2, generator=random)
    expected = torch.zeros(3, 4)
    for channel in range(2):
        values, weight = maps[0, ..., channel], 0.0
        for gradient in gradients[0, ..., channel].flatten().tolist():
            alpha = gradient**2 / (2 * gradient**2 + float(values.sum()) * gradient**3)
            weight += alpha * max(gradient, 0)
        expected += weight * values
    torch.testing.assert_close(grad_cam_plus_plus(maps, gradients)[0], expected)


def test_integrated_gradients_are_captums(scores, image):
    black = torch.zeros_like(image)
    ours = integrated_gradients(scores, image, black, steps=32)[0]
    theirs = IntegratedGradients(lambda images: scores(images)[:, 0])
    close(ours, theirs.attribute(image[None], n_steps=32)[0].float())


def test_integrated_gradients_sum_to_the_difference(scores, image):
    black = torch.zeros_like(image)
    ours = integrated_gradients(scores, image, black, steps=128)
    difference = scores(image[None]) - scores(black[None])
    assert float(ours.sum()) == pytest.approx(float(difference), abs=0.05 * abs(float(difference)) + 0.05)


@pytest.mark.parametrize(("window", "stride"), [(8, 4), (5, 3), (40, 8)])
def test_occlusion_is_captums(scores, image, window, stride):
    gray = torch.full((3,), 127.0)
    ours = occlusion(scores, image, gray, window=window, stride=stride)[0]
    side = min(window, 32)
    theirs = Occlusion(lambda images: scores(images)[:, 0]).attribute(
        image[None],
        sliding_window_shapes=(side, side, 3),
        strides=(stride, stride, 3),
        baselines=gray.expand(1, 32, 32, 3),
    )
    close(ours, theirs[0, ..., 0].float())


def test_smooth_grad_without_noise_is_the_gradient(scores, image):
    close(smooth_grad(scores, image, samples=3, noise=0.0), gradients(scores, image[None])[:, 0])


def test_smooth_grad_comes_from_its_seed(scores, image):
    first, again = (smooth_grad(scores, image, samples=4, seed=1) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, smooth_grad(scores, image, samples=4, seed=2))


def test_rise_of_a_constant_score_is_that_score_everywhere(image):
    """The masks' own pattern leaves no trace."""
    ours = rise(lambda images: torch.full((len(images), 1), 0.25), image, masks=100)
    torch.testing.assert_close(ours, torch.full((1, 32, 32), 0.25))
