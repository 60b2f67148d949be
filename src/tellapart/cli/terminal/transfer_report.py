"""What `train` prints about a transfer before its first stage, and about few pictures after its last."""

from typing import Any

from tellapart.runs.setup import TrainingSetup
from tellapart.text import counted

FEW_A_CLASS = 20
"""Training pictures of the smallest class below which the result depends much on which pictures they are
(`benchmarks/few_photos.py`)."""


def model_line(setup: TrainingSetup, model: Any) -> str:
    """Return which network is used, what is frozen, and the size of its input."""
    height, width, _ = setup.preprocessing.shape
    assert setup.backbone is not None
    trained = sum(weight.value.numel() for weight in model.get_layer("head").weights)
    name = setup.backbone.origin["backbone"]
    return (
        f"{name}, {model.count_params():,} parameters, {trained:,} of them in a new last layer, which is trained; "
        f"input {height} x {width}"
    )


def few_pictures_lines(counts: list[int]) -> list[str]:
    """Return what so few training pictures can tell, where they are few.

    Args:
        counts: training pictures of each class.
    """
    fewest = min(counts)
    if fewest >= FEW_A_CLASS:
        return []
    return [
        f"The smallest class has {counted(fewest, 'training picture')}. With other pictures the result may differ by "
        f"several points; with {FEW_A_CLASS} or more in each class it becomes steadier."
    ]
