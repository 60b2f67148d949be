"""A short training on the real digits, and what is read back of it."""

import pytest

import tellapart
from tellapart.explain.record import Recorder
from tellapart.explanation.explanation import Explanation
from tellapart.explanation.model_filters import ModelFilters
from tellapart.explanation.subject import Subject
from tellapart.explanation.training_pictures import Training
from tellapart.report.ingredients import gather


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("explanation") / "run"
    return tellapart.train_classifier("digits", epochs=3, keep="last", out=out).folder


@pytest.fixture(scope="session")
def run(digits_folder):
    return gather(digits_folder)


@pytest.fixture
def explained(run):
    """Makes explanations of the run's test pictures, or of any picture in any network."""

    def make(row=0, of=run, classifier=run.classifier, image=None):
        image = run.stores["test"].images[row] if image is None else image
        subject = Subject(classifier, Recorder(classifier.model, classifier.net.head), "a", image, image)
        training = None if of is None else Training(of, classifier)
        filters = ModelFilters(subject.recorder, image.shape, None if of is None else of.stores.get("train"))
        return Explanation(subject, filters, training)

    return make
