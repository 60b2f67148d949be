"""The model card keeps by which score unfamiliar images are told."""

import json

import pytest

from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ModelError
from tellapart.metrics.novelty import METHODS

CARD = ModelCard(("cat", "dog"), Preprocessing(height=16, width=16))


def with_values(**values):
    return json.dumps(json.loads(CARD.to_json()) | values)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("limit", [1.25, None])
def test_the_limit_is_read_as_it_was_written(method, limit):
    card = ModelCard(CARD.class_names, CARD.preprocessing, novelty=NoveltyLimit(method, limit))
    assert ModelCard.from_json(card.to_json()) == card


def test_a_card_without_a_limit_has_none():
    assert ModelCard.from_json(CARD.to_json()).novelty is None


def test_older_cards_have_a_limit_of_the_energy():
    values = json.loads(CARD.to_json()) | {"energy_limit": -2.5}
    del values["novelty"]
    assert ModelCard.from_json(json.dumps(values)).novelty == NoveltyLimit("energy", -2.5)


def test_older_cards_may_have_no_limit():
    values = json.loads(CARD.to_json()) | {"energy_limit": None}
    del values["novelty"]
    assert ModelCard.from_json(json.dumps(values)).novelty is None


@pytest.mark.parametrize(
    "novelty",
    [{"method": "distance", "limit": 1}, {"method": "energy"}, {"method": "energy", "limit": "x"}, "energy"],
)
def test_another_method_or_a_damaged_limit_is_refused(novelty):
    with pytest.raises(ModelError, match=r"The model card \(tellapart.json\) is damaged"):
        ModelCard.from_json(with_values(novelty=novelty))


def test_an_image_above_the_limit_is_unfamiliar():
    limit = NoveltyLimit("energy", 1.5)
    assert (limit.is_familiar(1.5), limit.is_familiar(1.6)) == (True, False)
    assert NoveltyLimit("features", None).is_familiar(1.6) is None
