"""What a training says before its first step and after its last; of `first-cnn`, in the classic tutorial's words."""

from pathlib import Path
from typing import Any

import torch

from tellapart.api.training_run import TrainingResult
from tellapart.cli.terminal.console import command, counted, results, say
from tellapart.cli.terminal.left_out import left_out_of_folders
from tellapart.cli.terminal.tables import predictions_table, score_lines, tta_line
from tellapart.runs.setup import TrainingSetup
from tellapart.training.health import best_epoch

NAMED_WHERE_LEFT_OUT = 5


def introduce(setup: TrainingSetup, model: Any, *, is_demo: bool = False) -> None:
    """Data, network and settings; in a demo, what the words of the table mean as well."""
    stores, config, dataset = setup.stores, setup.config, setup.dataset
    if config.recipe == "first-cnn":
        _in_the_tutorials_words(setup)
    if is_demo:
        say("A network learns to tell handwritten digits apart.\n", "bold")
    for line in left_out_lines(setup):
        say(line, "yellow")
    height, width, channels = setup.preprocessing.shape
    device = str(model.weights[0].value.device)
    say(f"Data    {dataset.name}, {len(dataset.class_names)} classes ({dataset.where})")
    counts = {"train": "to learn from", "test": "for the test at the end"}
    say(
        "        "
        + ", ".join(f"{counted(len(stores[split]), 'picture')} {what}" for split, what in counts.items())
    )
    say(
        f"Model   {model.name}, {model.count_params():,} parameters, {height} x {width} x {channels} pixels in"
    )
    varied = "" if config.augmentation else ", not augmented"
    say(
        f"Recipe  {config.recipe}: {config.epochs} epochs, batches of {config.batch_size}{varied}, seed {config.seed}"
    )
    say(f"Device  {_device_in_words(device)}; training computes in {setup.precision}")
    say(f"Epochs  {validation_in_words(setup)}")
    say(f"Run     {setup.folder.path}{' (resumed)' if setup.resumes else ''}")
    say()
    if is_demo:
        say("In each epoch the network learns from all those pictures once, and is then asked")
        say("about the held-out ones. loss: how wrong it is, 0 at best. accuracy: the share")
        say("that it names rightly. val_: the same of the held-out pictures.")
        say()


def _in_the_tutorials_words(setup: TrainingSetup) -> None:
    stores = setup.stores
    say(f"x_train shape: {stores['train'].images.shape}")
    for split, store in stores.items():
        say(f"{len(store)} {split} samples")
    augmented = setup.config.augmentation
    say("Using real-time data augmentation." if augmented else "Not using data augmentation.")
    say()


def left_out_lines(setup: TrainingSetup) -> list[str]:
    """What of the data is not used: what cannot be read, with the reason, and what lies where nothing is expected."""
    unreadable = [picture for store in setup.stores.values() for picture in store.unreadable]
    lines = left_out_of_folders(setup.dataset.ignored)
    if unreadable:
        lines.append(f"Left out {counted(len(unreadable), 'picture')} that could not be read:")
        lines += [f"  {picture.reason}" for picture in unreadable[:NAMED_WHERE_LEFT_OUT]]
    if len(unreadable) > NAMED_WHERE_LEFT_OUT:
        lines.append(f"  and {len(unreadable) - NAMED_WHERE_LEFT_OUT} more")
    return [*lines, ""] if lines else []


def validation_in_words(setup: TrainingSetup) -> str:
    """Which pictures score the epochs, and which epoch becomes the model."""
    kept = {"last": "the last epoch is kept", "best": "the best epoch is kept"}[setup.config.keep]
    if setup.config.validation == "test":
        return f"validates on the test split, as the tutorial did; {kept}"
    count = counted(len(setup.validation), "picture")
    if "validation" in setup.dataset.carved:
        return f"validates on {count} held out of training; {kept}"
    return f"validates on the data's own validation split, {count}; {kept}"


def _device_in_words(device: str) -> str:
    if device == "cpu":
        return f"processor, {counted(torch.get_num_threads(), 'thread')}"
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.startswith("cuda") else device


def report_finished(
    setup: TrainingSetup, result: TrainingResult, saved_to: Path | None, is_demo: bool = False
) -> None:
    """Where the model is, how good it is, and what to type next."""
    say()
    say(f"Saved trained model, architecture and weights:\n  {result.folder / 'model.keras'}")
    if saved_to is not None:
        what = (
            "architecture and weights"
            if saved_to.suffix == ".keras"
            else "the network; class names stay in .keras"
        )
        say(f"Also saved, {what}:\n  {saved_to}")
    if result.history:
        say(_kept_epoch(setup, result))
    say()
    assert result.scores is not None
    if setup.config.target is not None:
        say(_target_in_words(setup, result, setup.config.target))
    for line in score_lines(result.scores):
        say(line)
    if result.plain_scores is not None:
        say(tta_line(result.plain_scores, setup.config.tta_views))
    if result.shown:
        results().print(predictions_table(result.shown))
        right = sum(shown.right for shown in result.shown)
        say(
            f"{right} of {len(result.shown)} right. The same as a picture:\n  {result.folder / 'predictions.png'}"
        )
    if result.report is not None:
        say(f"Everything about this training, to open in a browser:\n  {result.report}")
    say()
    if is_demo:
        _after_the_demo(result.folder)
        return
    say("Next, the classes one by one, and the names of your own pictures:", "bold")
    say("  " + command("evaluate", result.folder))
    say("  " + command("predict", result.folder) + " PICTURE.jpg")


def _after_the_demo(run: Path) -> None:
    say("Next, the digits one by one:", "bold")
    say("  " + command("evaluate", run))
    say("What is on a photo of yours, by a network that comes along and knows ten things:", "bold")
    say("  " + command("predict") + " PHOTO.jpg")
    say("Then your own pictures, a folder for each class; or the classic tutorial:", "bold")
    say("  " + command("train") + " FOLDER")
    say("  " + command("train", "cifar10", "--recipe", "first-cnn"))


def _target_in_words(setup: TrainingSetup, result: TrainingResult, target: float) -> str:
    last, count = result.history[-1].val_accuracy, len(setup.validation)
    if last >= target:
        return f"Target reached: validation accuracy {last:.4f} (n = {count:,}), asked for {target:.4f}"
    return (
        f"Target missed: validation accuracy {last:.4f} (n = {count:,}), asked for {target:.4f}. "
        "The whole recipe, without --target, trains longer."
    )


def _kept_epoch(setup: TrainingSetup, result: TrainingResult) -> str:
    best, count = best_epoch(result.history), len(result.history)
    if setup.config.keep == "last":
        return f"Kept: the last epoch, {count}"
    return f"Kept: epoch {best.epoch + 1} of {count}: none had a better validation accuracy ({best.val_accuracy:.4f})"


def trained_as_dict(result: TrainingResult, saved_to: Path | None) -> dict[str, Any]:
    """A finished training for JSON."""
    from dataclasses import asdict

    assert result.scores is not None
    return {
        "run": str(result.folder),
        "model": str(result.folder / "model.keras"),
        "saved_to": None if saved_to is None else str(saved_to),
        "history": [{**asdict(done), "epoch": done.epoch + 1} for done in result.history],
        "scores": result.scores.to_dict(),
        "scores_without_tta": None if result.plain_scores is None else result.plain_scores.to_dict(),
        "report": None if result.report is None else str(result.report),
        "predictions": [
            {
                "picture": shown.prediction.picture,
                "predicted": shown.prediction.names[0],
                "probability": shown.prediction.probabilities[0],
                "true": shown.truth,
                "right": shown.right,
            }
            for shown in result.shown
        ],
    }
