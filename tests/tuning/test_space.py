"""Spaces: which settings are searched, and what is refused before anything is trained."""

import pytest

from tellapart.errors import ConfigError
from tellapart.recipes.recipes import quick, transfer
from tellapart.recipes.set_fields import with_fields
from tellapart.recipes.spaces import SPACES
from tellapart.tuning.space import keywords_of, space_for, value_in, values_of


def test_a_space_is_the_recipes_own_with_what_was_changed():
    space = space_for(quick(), {"lr": "1e-3..1e-2", "optimizer": "adam,sgd", "batch-size": "none"})
    names = set(SPACES["quick"]) - {"batch_size"} | {"optimizer"}
    assert set(space.texts) == names
    assert space.texts["learning_rate"] == "0.001..0.01"


def test_what_somebody_fixed_is_not_searched():
    assert "learning_rate" not in space_for(quick(), {}, fixed=["learning_rate"]).texts


@pytest.mark.parametrize(
    ("given", "fixed", "words"),
    [
        ({"learning_rat": "0..1"}, (), "no setting 'learning_rat' to search. Did you mean learning_rate"),
        ({"learning_rate": "0.1..1"}, ("learning_rate",), "a value of its own, and a space too"),
        ({"label_smoothing": "0..2"}, (), "space of label_smoothing has 2.0, which is refused"),
        ({"optimizer": "adam,muon"}, (), "space of optimizer has muon, which is refused"),
        (dict.fromkeys(SPACES["quick"], "none"), (), "nothing to search"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(given, fixed, words):
    with pytest.raises(ConfigError, match=words):
        space_for(quick(), given, fixed)


def test_settings_of_fine_tuning_are_drawn_only_where_it_is_on():
    space = space_for(transfer(), {"fine_tune": "off,on"})
    off = values_of(space, lambda each: each.domain.ends[0])
    on = values_of(space, lambda each: each.domain.ends[-1])
    assert off == {"fine_tune": "off"}
    assert set(on) == set(space.texts)


def test_without_fine_tuning_a_transfer_has_nothing_to_search():
    with pytest.raises(ConfigError, match="nothing to search"):
        space_for(transfer(), {}, fixed=list(SPACES["transfer"]))


def test_the_recipes_own_values_are_found_by_the_names_of_a_space():
    assert value_in(quick(), "learning_rate") == 1e-3
    assert value_in(quick(), "optimizer") == "adam"
    assert value_in(quick(), "optimizer.warmup_fraction") == 0.1
    assert value_in(transfer(), "learning_rate") == 5e-4
    assert value_in(transfer(), "batch_size") == 32
    assert value_in(with_fields(quick(), {"batch_size": 64}), "batch_size") == 64


def test_settings_become_keywords_of_train():
    values = {"learning_rate": 0.1, "batch_size": 32, "optimizer.warmup_fraction": 0.2}
    assert keywords_of(values) == {
        "learning_rate": 0.1,
        "set": {"batch_size": 32, "optimizer.warmup_fraction": 0.2},
    }
    assert keywords_of({}) == {}
