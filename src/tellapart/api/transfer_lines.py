"""Each stage of a transfer in a line, for whoever follows it."""

from tellapart.events import FeaturesDone, FineTuned, FineTuningSkipped, HeadFitted, score_name
from tellapart.text import counted, percent

Stage = FeaturesDone | HeadFitted | FineTuningSkipped | FineTuned


def event_line(event: Stage, *, multi_label: bool = False) -> str:
    """Return a stage of a transfer in a line; `multi_label`: of a training on several labels a picture."""
    if isinstance(event, FeaturesDone):
        return features_line(event)
    if isinstance(event, HeadFitted):
        return head_line(event, score_name(multi_label))
    if isinstance(event, FineTuned):
        return fine_tuned_line(event)
    return f"Fine-tuning not tried: {event.reason}{'. To try it: --fine-tune on' if event.can_be_asked_for else ''}"


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
    mirrored = "" if done.views == 1 else " and their mirrored copies"
    speed = done.pictures * done.views / max(done.seconds, 1e-9)
    return f"Features of {counted(done.pictures, f'{noun} picture')}{mirrored}: {done.seconds:.1f} s ({speed:,.0f}/s)"


def head_line(done: HeadFitted, score: str = "accuracy") -> str:
    """Return how well the head does on pictures that it was not fitted to, by a score from `score_name`."""
    basis = (
        "validation pictures"
        if done.folds is None
        else f"training pictures, {done.folds}-fold cross-validation"
    )
    return (
        f"Last layer: {done.seconds:.1f} s, validation {score} {percent(done.val_accuracy, 1)} "
        f"({done.val_pictures:,} {basis})"
    )
