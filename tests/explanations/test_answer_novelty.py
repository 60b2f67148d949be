"""An explanation says the same of a picture's familiarity as a prediction, by whichever score the model has."""

import numpy as np
import pytest

from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.explanations.examples.features import features
from tellapart.explanations.page.page import SECTIONS, page_of


def with_method(run, method):
    """The run's classifier with another score, and a limit that half of its test images exceed."""
    card = run.classifier.card
    classifier = Classifier.of_model(run.classifier.model, ModelCard(card.class_names, card.preprocessing))
    train, test = run.stores["train"], run.stores["test"]
    if method == "features":
        classifier.learn_familiar(features(classifier, train.images), train.labels)
    else:
        classifier.card = ModelCard(
            card.class_names, card.preprocessing, novelty=NoveltyLimit(method, limit=None)
        )
    scores = classifier.tta_probabilities(test.images, novelty=True).novelty
    limit = NoveltyLimit(method, float(np.median(scores)))
    classifier.card = ModelCard(card.class_names, card.preprocessing, novelty=limit)
    return classifier


@pytest.mark.parametrize("method", ["features", "energy", "standardized energy"])
def test_it_is_what_predict_says(run, explained, method):
    classifier = with_method(run, method)
    predictions, _ = classifier.predict(list(run.stores["test"].images[:12]))
    assert {prediction.familiar for prediction in predictions} == {True, False}
    for row, prediction in enumerate(predictions):
        told = explained(row, classifier=classifier).answer.to_dict(classifier.class_names)
        assert told["familiar"] == prediction.familiar
        assert told["novelty"] == pytest.approx(prediction.novelty, rel=1e-5)
        assert told["novelty_limit"] == classifier.card.novelty.limit


@pytest.mark.parametrize("method", ["features", "energy", "standardized energy"])
def test_the_page_says_which_score_and_limit(run, explained, method):
    classifier = with_method(run, method)
    predictions, _ = classifier.predict(list(run.stores["test"].images[:12]))
    for verdict, words in ((False, "Probably not. Its"), (True, "It is not flagged as unfamiliar. Its")):
        row = [prediction.familiar for prediction in predictions].index(verdict)
        page = page_of(explained(row, classifier=classifier), [SECTIONS[0], *by_name("answer")])
        assert words in page
        assert f"<strong>{predictions[row].novelty:z.3f}</strong>" in page
        assert f"limit of <strong>{classifier.card.novelty.limit:z.3f}</strong>" in page


def by_name(name):
    return [section for section in SECTIONS if section.name == name]


@pytest.mark.parametrize(
    ("novelty", "words"),
    [(None, "Unknown: the model has no score"), (NoveltyLimit("energy", None), "Unknown. Its energy is")],
)
def test_without_a_limit_the_page_says_unknown(run, explained, novelty, words):
    card = run.classifier.card
    classifier = Classifier.of_model(
        run.classifier.model, ModelCard(card.class_names, card.preprocessing, novelty=novelty)
    )
    explanation = explained(classifier=classifier)
    assert explanation.answer.is_unfamiliar is None
    assert words in page_of(explanation, by_name("answer"))
