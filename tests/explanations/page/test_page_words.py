"""What the explain page says in words, for any network."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
from dataclasses import replace

import numpy as np

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.explanations.page import training
from tellapart.explanations.page.page import SECTIONS, page_of


def html(explanation, *names):
    return page_of(explanation, [section for section in SECTIONS if section.name in names])


def test_a_number_that_is_rounded_to_zero_has_no_sign(explained):
    explanation = explained()
    logits = np.full_like(explanation.answer.logits, -1e-6)
    explanation.__dict__["answer"] = replace(explanation.answer, logits=logits, novelty=-1e-6)
    page = html(explanation, "answer")
    assert "0.0000</td>" in page
    assert ">-0.0" not in page
    assert training._unsigned_zero("-0.00") == "0.00"
    assert training._unsigned_zero("-0.01") == "-0.01"


def test_where_the_page_counts_from_is_said(explained):
    assert "are counted from 0" in html(explained(), "answer", "layers")


def test_the_page_says_that_a_network_of_lower_precision_is_shown_in_float32(run, explained):
    card = run.classifier.card
    for policy in ("float32", "mixed_bfloat16"):
        model = keras.Sequential(
            [
                keras.Input(card.preprocessing.shape),
                keras.layers.Flatten(),
                keras.layers.Dense(10, activation="softmax", dtype=policy),
            ]
        )
        classifier = Classifier.of_model(model, ModelCard(card.class_names, card.preprocessing))
        page = html(explained(of=None, classifier=classifier), "answer", "layers")
        assert ("compute in bfloat16" in page) == (policy != "float32")


def test_the_page_says_that_the_temperature_was_fitted_to_several_copies(run, explained):
    for views in (1, 6):
        card = replace(run.classifier.card, temperature=0.5, tta_views=views)
        classifier = Classifier.of_model(run.classifier.model, card)
        page = html(explained(classifier=classifier), "answer")
        assert (f"fitted to predictions averaged over {views} copies" in page) == (views > 1)
