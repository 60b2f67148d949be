"""Models, a photo that comes with scikit-learn, and a short training on the real digits."""

import numpy as np
import pytest
import torch
from PIL import Image

import tellapart
from tellapart.explanations.channels.channels import ModelFilters
from tellapart.explanations.examples.training_examples import ExampleSearch
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.page import FORM
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject
from tellapart.runs.saved_run import load_run


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


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("explanation") / "run"
    return tellapart.train("digits", recipe="quick", epochs=3, keep="last", out=out).folder


@pytest.fixture(scope="session")
def run(digits_folder):
    return load_run(digits_folder)


@pytest.fixture
def explained(run):
    """Returns a function that explains a test picture of the run, or any picture in any network."""

    def make(row=0, of=run, classifier=run.classifier, image=None):
        image = run.stores["test"].images[row] if image is None else image
        subject = Subject(classifier, Recorder(classifier.model, classifier.net.head), "a", image, image)
        training = None if of is None else ExampleSearch(of, classifier)
        filters = ModelFilters(subject.recorder, image.shape, None if of is None else of.stores.get("train"))
        return Explanation(subject, FORM, filters, training)

    return make
