"""The card of a model of several labels: thresholds and how they were chosen; older readers refuse it."""

import json

import pytest

from tellapart.classifier.card import FORMAT, ModelCard
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ModelError

CARD = ModelCard(
    ("cat", "dog"),
    Preprocessing(height=16, width=16),
    multi_label=True,
    thresholds=(0.4, 0.25),
    thresholds_from="largest F1 of each label on 40 held-out pictures",
)


def test_it_is_read_back():
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_a_reader_that_knows_no_labels_refuses_it():
    assert json.loads(CARD.to_json())["format"] > FORMAT


def test_a_card_of_one_class_a_picture_is_as_before():
    values = json.loads(ModelCard(("cat", "dog"), Preprocessing(height=16, width=16)).to_json())
    assert values["format"] == 1
    assert not {"multi_label", "thresholds", "thresholds_from"} & values.keys()


@pytest.mark.parametrize("thresholds", [[0.4], [0.4, 2], [0.4, None], [0.4, "0.2"], "0.4", None])
def test_other_thresholds_are_damage(thresholds):
    values = json.loads(CARD.to_json()) | {"thresholds": thresholds}
    with pytest.raises(ModelError, match="damaged"):
        ModelCard.from_json(json.dumps(values))
