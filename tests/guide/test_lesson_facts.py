"""The numbers that the guide's pages carry are those that tellapart computes."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from tellapart.guide.contents import LESSONS

MADE = [one for one in LESSONS if find_spec(f"tellapart.guide.lessons.{one.name.replace('-', '_')}")]


def assert_alike(kept, made, where):
    if isinstance(made, dict):
        assert set(kept) == set(made), where
        for name in made:
            assert_alike(kept[name], made[name], f"{where}/{name}")
    elif isinstance(made, list | tuple):
        assert len(kept) == len(made), where
        for index, (one, other) in enumerate(zip(kept, made, strict=True)):
            assert_alike(one, other, f"{where}/{index}")
    elif isinstance(made, float):
        assert kept == pytest.approx(made, rel=1e-3, abs=1e-4), where
    else:
        assert kept == made, where


@pytest.mark.parametrize("lesson", MADE, ids=lambda lesson: lesson.name)
def test_facts_are_computed_alike_today(lesson):
    module = import_module(f"tellapart.guide.lessons.{lesson.name.replace('-', '_')}")
    made = module.quick_facts() if hasattr(module, "quick_facts") else module.facts()
    kept = lesson.facts
    assert_alike({name: kept[name] for name in made}, made, lesson.name)
