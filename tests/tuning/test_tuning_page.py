"""The page of a tuning: the best setting first with its command, drawings of every trial, nothing from outside."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from tellapart.tuning.drawings import NARROW, WIDE, parallel_coordinates, score_history
from tellapart.tuning.page import page


def trial(number, state="complete", score=0.5, **more):
    settings = (
        {} if number == 0 else {"learning_rate": 0.01 * number, "optimizer": "sgd" if number % 2 else "adam"}
    )
    return {
        "number": number, "state": state, "settings": settings, "folder": f"/none/trials/{number:03d}", "score": score,
        "loss": 1.0, "pictures": 100, "epochs": 3, "seconds": 2.0, "note": "", **more,
    }  # fmt: skip


def facts(trials, best, **more):
    entry = {**trials[best], "interval": (0.4, 0.6), "command": "tellapart train photos --learning-rate 0.03"}
    return {
        "tellapart": "0", "folder": "/none", "data": "photos", "recipe": "quick", "notes": ["a note"],
        "score": "accuracy", "finished": True, "best": entry,
        "default": {**trials[0], "interval": (0.4, 0.6), "command": "tellapart train photos"},
        "space": [
            {"setting": "learning_rate", "domain": "0.001..0.1:log", "default": 0.001},
            {"setting": "optimizer", "domain": "adam,sgd", "default": "adam"},
        ],
        "test": {
            "runs": [
                {"run": name, "accuracy": accuracy, "average_precision": None, "interval": (0.4, 0.7), "n": 200}
                for name, accuracy in (("default", 0.5), ("tuned", 0.6))
            ],
            "pairs": [
                {"first": "default", "second": "tuned", "difference": 0.1, "p_value": 0.004,
                 "only_first_correct": 10, "only_second_correct": 30}
            ],
        },
        "importances": {"evaluator": "PED-ANOVA", "trials": 9, "values": {"learning_rate": 0.8, "optimizer": 0.2}},
        "counts": {"complete": 3, "pruned": 1}, "trials": trials, **more,
    }  # fmt: skip


TRIALS = [
    trial(0, score=0.5),
    trial(1, score=0.55),
    trial(2, "pruned", 0.3),
    trial(3, score=0.62),
    trial(4, "failed", None, note="training <diverged>"),
]


def test_the_best_setting_comes_first_with_its_command_and_what_the_test_pictures_say():
    html = page(facts(TRIALS, 3))
    head, body = html.split('<main id="content">')
    assert "62.00% on held-out pictures, untuned 50.00%" in head
    assert "tellapart train photos --learning-rate 0.03" in head
    assert "better than the untuned recipe beyond chance" in head
    assert body.index('id="settings"') < body.index('id="importances"') < body.index('id="trials"')


def test_a_page_loads_nothing_and_escapes_what_it_is_given():
    html = page(facts(TRIALS, 3))
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", html)
    assert "training &lt;diverged&gt;" in html


def test_an_untuned_recipe_that_is_the_best_is_said_to_be():
    assert "No better setting than the recipe's own" in page(facts(TRIALS[:1], 0))


def test_a_search_that_is_not_over_says_how_to_go_on():
    html = page(facts(TRIALS, 3, test=None, finished=False, importances=None))
    assert "tellapart tune --resume /none" in html


def test_without_a_complete_trial_there_is_a_page_too():
    waiting = [trial(0, "interrupted", None)]
    values = facts(waiting, 0, test=None, finished=False, importances=None)
    assert "No trial is complete yet" in page({**values, "best": None})


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_scored_trial_is_drawn_and_within_the_drawing(width):
    for draw in (parallel_coordinates, score_history):
        root = ElementTree.fromstring(draw(facts(TRIALS, 3), width))
        drawn = [mark for mark in root.iter() if "trial" in (mark.get("class") or "").split()]
        assert {mark.get("data-trial") for mark in drawn} == {"0", "1", "2", "3"}
        assert {mark.get("class") for mark in drawn} == {
            "trial default", "trial complete", "trial pruned", "trial best"
        }  # fmt: skip
        for path in (mark.get("d") for mark in drawn if mark.get("d")):
            numbers = list(map(float, re.findall(r"[\d.]+", path)))
            assert all(0 <= x <= width for x in numbers[::2])
            assert all(0 <= y <= float(root.get("height")) for y in numbers[1::2])


def test_a_line_goes_through_the_places_of_its_values():
    """Of 0.001..0.1 on a logarithmic axis, 0.01 lies in the middle."""
    trials = [trial(0, score=0.5), trial(1, score=0.6)]
    root = ElementTree.fromstring(parallel_coordinates(facts(trials, 1), WIDE))
    lines = [mark for mark in root.iter() if mark.get("class") == "axis"]
    low, high = (float(lines[0].get(name)) for name in ("y1", "y2"))
    (best,) = (mark.get("d") for mark in root.iter() if mark.get("class") == "trial best")
    first_y = float(re.findall(r"[\d.]+", best)[1])
    assert first_y == pytest.approx((low + high) / 2, abs=0.1)
