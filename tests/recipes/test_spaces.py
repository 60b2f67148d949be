"""The recipes' search spaces: every one can be read, holds the recipe's own value, and gives trainings."""

import pytest

from tellapart.recipes.recipes import RECIPES
from tellapart.recipes.spaces import SPACES
from tellapart.tuning.space import space_for


def test_every_recipe_has_a_space():
    assert set(SPACES) == set(RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_lies_within_its_own_space(recipe):
    space = space_for(RECIPES[recipe](), {})
    assert list(space.texts) == list(SPACES[recipe])
    outside = [each.name for each in space if not each.has_default]
    assert outside == []


def test_a_setting_that_lengthens_trainings_is_in_no_space():
    assert not {name for space in SPACES.values() for name in space} & {"epochs", "widths", "depth", "size"}
