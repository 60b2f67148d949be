"""Images unlike the training images have a high energy."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import tellapart
from tellapart.explanations.ood import energies, limit_of
from tellapart.explanations.recorder import Recorder


def shown(classifier, count=300):
    """Real digits, brought to the network's size."""
    pictures = tellapart.open_dataset("digits").splits["train"].images
    return np.stack([classifier.card.preprocessing.apply(pictures.read(row)) for row in range(count)])


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return tellapart.train("digits", epochs=5, out=tmp_path_factory.mktemp("unknown") / "run").classifier


@pytest.fixture(scope="module")
def recorder(classifier):
    return Recorder(classifier.model, classifier.net.head)


def test_it_is_minus_the_logarithm_of_the_sum_of_exponentials(classifier, recorder):
    images = shown(classifier, 5)
    logits = (
        recorder.run(torch.from_numpy(images.astype(np.float32))).logits.detach().numpy().astype(np.float64)
    )
    np.testing.assert_allclose(energies(recorder, images), -np.log(np.exp(logits).sum(1)), rtol=1e-5)


def test_noise_differs_from_digits(classifier, recorder):
    digits, noise = shown(classifier), np.random.default_rng(0).integers(0, 256, (300, 16, 16, 1), np.uint8)
    both = np.concatenate([energies(recorder, digits), energies(recorder, noise)])
    assert roc_auc_score(np.repeat([0, 1], 300), both) > 0.9


def test_95_of_100_held_out_pictures_lie_below_the_limit(classifier, recorder):
    digits = shown(classifier)
    below = (energies(recorder, digits) <= limit_of(recorder, digits)).mean()
    assert below == pytest.approx(0.95, abs=0.01)


def test_the_limit_travels_in_the_model(classifier, tmp_path):
    classifier.save(tmp_path / "m.keras")
    assert tellapart.load(tmp_path / "m.keras").card.novelty == classifier.card.novelty
    assert classifier.card.novelty.limit is not None


def test_no_pictures_have_no_energies(recorder):
    assert energies(recorder, np.empty((0, 16, 16, 1), np.uint8)).shape == (0,)
