"""Groups: the likeliest everyday thing, by the sum of its classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.classifier.groups import Group, among, likeliest_groups, thing_probabilities, things_of
from tellapart.classifier.split_scores import names_things

CAT = Path(tellapart.__file__).parent / "guide" / "photos" / "cat.jpg"
NAMES = ("beagle", "pug", "collie", "tabby", "zebra")
GROUPS = {"beagle": "dog", "pug": "dog", "collie": "dog", "tabby": "cat"}


def rows(*values):
    return np.array(values, np.float32)


def things(probabilities, names=NAMES, groups=GROUPS):
    """By name, without NumPy's add.at."""
    known, members = things_of(names, groups)
    return [dict(zip(known, row, strict=True)) for row in thing_probabilities(probabilities, known, members)]


def test_a_group_has_the_sum_of_its_classes():
    groups = {"beagle": "hound", "pug": "hound"}
    (said,) = things(rows([0.2, 0.3, 0.1, 0.15, 0.25]), groups=groups)
    assert said == pytest.approx({"hound": 0.5, "collie": 0.1, "tabby": 0.15, "zebra": 0.25})


def test_dogs_and_cats_divide_their_sum_as_if_photos_of_both_were_equally_common():
    """By Bayes' rule: what the network learned times the ratio of the priors, among the two."""
    (said,) = things(rows([0.2, 0.1, 0.1, 0.2, 0.4]))
    posterior = {"dog": 0.4 / 3, "cat": 0.2 / 1}  # divided by priors of 3 : 1
    whole = sum(posterior.values())
    assert said["dog"] == pytest.approx(0.6 * posterior["dog"] / whole)
    assert said["cat"] == pytest.approx(0.6 * posterior["cat"] / whole)
    assert said["zebra"] == pytest.approx(0.4)


def test_probabilities_of_all_things_sum_to_one_even_without_a_dog_or_a_cat():
    random = np.random.default_rng(0).dirichlet(np.ones(5), 20).astype(np.float32)
    random = np.concatenate([random, rows([0, 0, 0, 0, 1])])
    for said in things(random):
        assert sum(said.values()) == pytest.approx(1, abs=1e-6)


def test_the_likeliest_group_names_its_likeliest_class():
    (group,) = likeliest_groups(rows([0.2, 0.5, 0.2, 0.0, 0.1]), NAMES, GROUPS)
    assert group == Group("dog", pytest.approx(0.9), "pug", pytest.approx(0.5))


def test_a_kind_is_never_likelier_than_its_group():
    random = np.random.default_rng(0).dirichlet(np.full(5, 0.2), 200).astype(np.float32)
    for group in filter(None, likeliest_groups(random, NAMES, GROUPS)):
        assert group.class_probability <= group.probability + 1e-6


def test_a_class_needs_no_explanation_beside_its_group():
    assert Group("bird", 0.9, "kite (bird)", 0.8).kind == "kite"
    assert Group("dog", 0.9, "Labrador retriever", 0.8).kind == "Labrador retriever"


def test_a_group_may_lead_where_no_class_of_it_does():
    (group,) = likeliest_groups(rows([0.2, 0.21, 0.2, 0.0, 0.39]), NAMES, GROUPS)
    assert (group.name, group.class_name) == ("dog", "pug")


def test_a_class_of_no_group_that_leads_stands_alone():
    assert likeliest_groups(rows([0.2, 0.1, 0.1, 0.0, 0.6]), NAMES, GROUPS) == [None]


def test_a_model_without_groups_has_none():
    assert likeliest_groups(rows([0.2, 0.1, 0.1, 0.0, 0.6], [1, 0, 0, 0, 0]), NAMES, {}) == [None, None]


def test_among_some_things_only_those_count():
    probabilities = rows([0.2, 0.1, 0.1, 0.2, 0.4])
    said = among(probabilities, NAMES, GROUPS, ("zebra", "dog"))
    (everything,) = things(probabilities)
    both = everything["zebra"] + everything["dog"]
    np.testing.assert_allclose(said, [[everything["zebra"] / both, everything["dog"] / both]], rtol=1e-6)


def test_data_of_things_is_scored_by_the_sums_of_their_kinds():
    """A photo of a cat, called a cat and a dog; and a class of no group."""
    photo = np.asarray(Image.open(CAT).convert("RGB").resize((224, 224)))
    data = (np.stack([photo, photo]), np.array([0, 1]))
    dataset = tellapart.open_dataset(data, class_names=("cat", "dog"))
    scores = tellapart.load("imagenet").evaluate(dataset, "train")
    assert [row.name for row in scores.classes] == ["cat", "dog"]
    assert (scores.confusion, scores.accuracy) == (((1, 0), (1, 0)), 0.5)


def test_a_breed_beside_a_group_is_not_compared():
    model = tellapart.load("imagenet")
    assert names_things(model.card, ("cat", "zebra"))
    assert not names_things(model.card, ("tabby", "dog"))
    assert not names_things(model.card, ("tabby", "zebra"))  # both are classes of the model's own
    assert not names_things(tellapart.load("cifar10").card, ("cat", "dog"))
