"""A short training on the real digits, and what is read back of it."""

import pytest

import tellapart
from tellapart.api import _opened
from tellapart.report.ingredients import gather


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("explanation") / "run"
    return tellapart.train_classifier("digits", epochs=3, out=out).folder


@pytest.fixture(scope="session")
def run(digits_folder):
    return gather(digits_folder, _opened)


@pytest.fixture
def explained(run):
    """Makes explanations of the run's test pictures."""
    from tellapart.explain.record import Recorder
    from tellapart.explanation.explanation import explain

    def make(row=0, of=run):
        recorder = Recorder(run.classifier.model, run.classifier.net.head)
        return explain(run.classifier, recorder, f"test/{row}", run.stores["test"].images[row], run=of)

    return make
