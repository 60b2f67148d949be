"""Names of parameters as MLflow takes them."""

import re

from tellapart.trackers.to_mlflow import LONGEST_NAME, as_names


def test_class_names_become_names_of_parameters():
    keys = [
        "class_weight.weights.Corn_(maize)",
        "class_weight.weights.Corn_[maize]",
        "R&D",
        "a/../b",
        "x" * 400,
        "C++",
    ]
    names = as_names(dict.fromkeys(keys, 1.0))
    assert len(names) == len(keys)
    assert all(re.fullmatch(r"[\w.\- ]{1,250}", name) for name in names)
    assert max(map(len, names)) <= LONGEST_NAME
    assert as_names({"optimizer.learning_rate": 0.1}) == {"optimizer.learning_rate": 0.1}
