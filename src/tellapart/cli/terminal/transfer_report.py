"""What `train` prints about a transfer: the frozen network before, each stage after it."""

from typing import Any

from tellapart.events import FeaturesDone, FineTuned, FineTuningSkipped, HeadFitted
from tellapart.runs.setup import TrainingSetup
from tellapart.text import counted, percent

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
        f"{name}, {model.count_params():,} parameters, of which the {trained:,} of a new last layer "
        f"are trained; input {height} x {width}"
    )


def event_line(event: FeaturesDone | HeadFitted | FineTuningSkipped | FineTuned) -> str:
    """Return a stage of a transfer in a line."""
    if isinstance(event, FeaturesDone):
        return features_line(event)
    if isinstance(event, HeadFitted):
        return head_line(event)
    if isinstance(event, FineTuned):
        return fine_tuned_line(event)
    return f"Fine-tuning not tried: {event.reason}. To try it: --fine-tune on"


def fine_tuned_line(done: FineTuned) -> str:
    """Return what fine-tuning changed on the held-out pictures, and which network is the model."""
    kept = "fine-tuned network kept" if done.kept else "no clear gain, frozen network kept"
    if done.val_loss is None:
        return f"Fine-tuning: {done.seconds:.1f} s, its loss diverged: frozen network kept"
    before, after = percent(done.head_val_accuracy, 1), percent(done.val_accuracy, 1)
    return (
        f"Fine-tuning: {done.seconds:.1f} s, validation accuracy {before} before, {after} after "
        f"({counted(done.val_pictures, 'picture')}, mirror images averaged in where that helps; "
        f"loss {done.head_val_loss:.3f} and {done.val_loss:.3f}): {kept}"
    )


def features_line(done: FeaturesDone) -> str:
    """Return how many pictures passed through the network, and how fast."""
    noun = {"train": "training"}.get(done.split, done.split)
    mirrored = "" if done.views == 1 else " and their mirror images"
    speed = done.pictures * done.views / max(done.seconds, 1e-9)
    return f"Features of {counted(done.pictures, f'{noun} picture')}{mirrored}: {done.seconds:.1f} s ({speed:,.0f}/s)"


def head_line(done: HeadFitted) -> str:
    """Return how well the head does on pictures that it was not fitted to."""
    basis = (
        "validation pictures"
        if done.folds is None
        else f"training pictures, {done.folds}-fold cross-validation"
    )
    return (
        f"Last layer: {done.seconds:.1f} s, validation accuracy {percent(done.val_accuracy, 1)} "
        f"({done.val_pictures:,} {basis})"
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
