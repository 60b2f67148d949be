"""The models that come along, and photos that scikit-learn carries."""

import numpy as np
import pytest
import torch
from PIL import Image

import tellapart
from tellapart.explain.record import Recorder


def photo(size=32):
    from sklearn.datasets import load_sample_image

    return np.asarray(Image.fromarray(load_sample_image("flower.jpg")).resize((size, size)), np.float32)


@pytest.fixture(scope="session")
def image():
    """(32, 32, 3) float32, 0-255."""
    return torch.from_numpy(photo())


@pytest.fixture(scope="session")
def classifier():
    return tellapart.load("cifar10")


@pytest.fixture(scope="session")
def recorder(classifier):
    return Recorder(classifier.model, "probabilities")
