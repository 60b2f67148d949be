"""What `train` prints before the first step and after the last; for `first-cnn`, the classic tutorial's lines too."""

from pathlib import Path
from typing import Any

import torch

from tellapart.api.finish import TrainingResult
from tellapart.cli.terminal.console import command, results, say
from tellapart.cli.terminal.label_tables import label_score_lines, labeled_predictions_table
from tellapart.cli.terminal.tables import predictions_table, score_lines, trusted_lines, tta_line
from tellapart.cli.terminal.transfer_report import few_pictures_lines, model_line
from tellapart.data.left_out import left_out_of_folders
from tellapart.data.multi_label import class_counts
from tellapart.data.reading_notes import in_words
from tellapart.events import epoch_values, score_name
from tellapart.metrics.label_scores import LabelScores
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.config import TrainConfig
from tellapart.reports.prediction_grid import PredictedImage
from tellapart.runs.event_log import LOG, read_log
from tellapart.runs.folder import RunFolder
from tellapart.runs.forecast import compared_in_words, held_out_accuracy
from tellapart.runs.setup import TrainingSetup
from tellapart.text import counted, percent, short_name
from tellapart.training.health import best_epoch

UNREADABLE_NAMED, WEIGHTS_NAMED = 5, 8

KEPT = {"last": "the last epoch", "best": "the epoch with the best validation accuracy"}
"""Which epoch becomes the model, by a configuration's `keep`."""


def introduce(setup: TrainingSetup, model: Any, *, is_demo: bool = False) -> None:
    """Print data, network and settings; in a demo, also what the columns of the epochs mean."""
    config, dataset = setup.config, setup.dataset
    if config.recipe == "first-cnn":
        _in_the_tutorials_words(setup)
    if is_demo:
        say("A network learns to tell handwritten digits apart.\n", "bold")
    for line in left_out_lines(setup):
        say(line, "yellow")
    classes = f"{len(dataset.class_names)} {'labels' if config.multi_label else 'classes'}"
    say(f"Data    {dataset.name}, {classes} ({dataset.where})")
    lines = (_scratch_lines if config.head is None else _transfer_lines)(setup, model)
    for title, line in [*lines, *_classes_lines(config)]:
        say(f"{title:<8}{line}")
    say(f"Run     {setup.folder.path}{' (resumed)' if setup.resumes else ''}")
    say()
    if is_demo:
        say("Each epoch trains on every training picture once, then scores the validation")
        say("pictures. loss: how wrong the predictions are; 0 is perfect. accuracy: the share of")
        say("correct predictions. val_loss, val_accuracy: the same for the validation pictures.")
        say()


def _optimizer(settings: Any) -> str:
    return settings.optimizer if isinstance(settings, CompiledSettings) else settings.name


def _scratch_lines(setup: TrainingSetup, model: Any) -> list[tuple[str, str]]:
    config = setup.config
    height, width, channels = setup.preprocessing.shape
    plain = "" if config.augmentation else ", no augmentation"
    epochs = counted(config.epochs, "epoch")
    rate = f"{_optimizer(config.optimizer)}, learning rate {config.optimizer.learning_rate:.3g}"
    recipe = f"{_recipe(setup)}: {epochs}, batch size {config.batch_size}, {rate}{plain}, seed {config.seed}"
    return [
        ("Split", split_in_words(setup)),
        (
            "Model",
            f"{model.name}, {model.count_params():,} parameters, input {height} x {width} x {channels}",
        ),
        ("Recipe", recipe),
        ("Device", _device_line(setup, model)),
        ("Saves", KEPT[config.keep].replace("validation accuracy", _validation(config))),
    ]


def _transfer_lines(setup: TrainingSetup, model: Any) -> list[tuple[str, str]]:
    return [
        ("Split", split_in_words(setup)),
        ("Model", model_line(setup, model)),
        ("Recipe", f"{_recipe(setup)}{_fine_tuning(setup)}, seed {setup.config.seed}"),
        ("Device", _device_line(setup, model)),
    ]


def _classes_lines(config: TrainConfig) -> list[tuple[str, str]]:
    """Return how classes are made to count the same, or differently."""
    lines = []
    if config.class_weight is not None:
        weights = config.class_weight.weights or {}
        listed = [f"{short_name(str(name))} {weight:.3g}" for name, weight in weights.items()]
        more = f" and {len(listed) - WEIGHTS_NAMED} more" if len(listed) > WEIGHTS_NAMED else ""
        how = "balanced class weights" if config.class_weight.origin == "balanced" else "class weights"
        lines.append(("Classes", f"{how}: {', '.join(listed[:WEIGHTS_NAMED])}{more}"))
    if config.sampling == "balanced":
        lines.append(("Classes", "balanced sampling: each class equally often"))
    return lines


def _recipe(setup: TrainingSetup) -> str:
    return setup.config.recipe + (f" ({setup.reason})" if setup.reason else "")


def _fine_tuning(setup: TrainingSetup) -> str:
    settings = setup.config.fine_tuning
    if settings is None or setup.config.fine_tune != "on":
        return ""
    epochs, optimizer = counted(settings.epochs, "epoch"), settings.optimizer
    rate = f"{optimizer.name}, learning rate {optimizer.learning_rate:.3g}"
    return f": fine-tuning for {epochs}, batch size {settings.batch_size}, {rate}"


def _device_line(setup: TrainingSetup, model: Any) -> str:
    return f"{_device_in_words(str(model.weights[0].value.device))}, {setup.precision}"


def _in_the_tutorials_words(setup: TrainingSetup) -> None:
    stores = setup.stores
    say(f"x_train shape: {stores['train'].images.shape}")
    for split, count in setup.pictures.items():
        say(f"{count} {split} samples")
    augmented = setup.config.augmentation
    say("Using real-time data augmentation." if augmented else "Not using data augmentation.")
    say()


def left_out_lines(setup: TrainingSetup) -> list[str]:
    """Return what of the data is not used: unreadable pictures, and files in places where none belong; and what
    is used by an assumption about its levels."""
    unreadable = [picture for store in setup.stores.values() for picture in store.unreadable]
    lines = left_out_of_folders(setup.dataset.ignored)
    if unreadable:
        lines.append(f"Skipped {counted(len(unreadable), 'picture')} that could not be read:")
        lines += [f"  {picture.reason}" for picture in unreadable[:UNREADABLE_NAMED]]
    if len(unreadable) > UNREADABLE_NAMED:
        lines.append(f"  and {len(unreadable) - UNREADABLE_NAMED} more")
    lines += in_words(note for store in setup.stores.values() for note in store.notes)
    lines += dict.fromkeys(f"{store.remark}." for store in setup.stores.values() if store.remark)
    return [*lines, ""] if lines else []


def split_in_words(setup: TrainingSetup) -> str:
    """Return how many pictures train, validate and test, and where the validation pictures come from."""
    train, test = setup.pictures["train"], setup.pictures["test"]
    if setup.config.validation == "test":
        return f"{train:,} training, {test:,} for both validation and test, as in the tutorial"
    if setup.config.validation == "cross-validation" and setup.config.head is not None:
        return f"{train:,} training ({setup.config.head.folds}-fold cross-validation), {test:,} test"
    origin = "held out from training" if "validation" in setup.dataset.carved else "the data's own split"
    carved = {"validation", "test"} & {*setup.dataset.carved}
    of_test = " (held out from training)" if carved == {"test"} else ""
    return f"{train:,} training, {len(setup.validation):,} validation ({origin}), {test:,} test{of_test}"


def _device_in_words(device: str) -> str:
    if device == "cpu":
        return f"CPU, {counted(torch.get_num_threads(), 'thread')}"
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.startswith("cuda") else device


def report_finished(
    setup: TrainingSetup, result: TrainingResult, saved_to: Path | None, is_demo: bool = False
) -> None:
    """Print where the model is, how good it is, and what to type next."""
    say()
    say(f"Model saved to\n  {RunFolder(result.folder).model}")
    if saved_to is not None:
        without = "" if saved_to.suffix == ".keras" else " (without class names, which only .keras holds)"
        say(f"Also saved to{without}\n  {saved_to}")
    for line in _early_end_lines(setup, result):
        say(line)
    for line in _forecast_lines(result):
        say(line)
    if result.history:
        say(_kept_epoch(setup, result))
    say()
    assert result.scores is not None
    if setup.config.target is not None:
        say(_target_in_words(setup, setup.config.target))
    scores, several = result.scores, isinstance(result.scores, LabelScores)
    for line in label_score_lines(scores) if isinstance(scores, LabelScores) else score_lines(scores):
        say(line)
    for line in trusted_lines(result.trusted, result.scores.pictures):
        say(line, "bold red")
    if result.plain_scores is not None:
        say(tta_line(result.plain_scores, result.classifier.card.tta_views))
    if several:
        say(f"Thresholds: {result.classifier.card.thresholds_from}")
    if setup.config.head is not None:
        counts = class_counts(setup.stores["train"].labels, len(setup.dataset.class_names))
        for line in few_pictures_lines(counts.tolist()):
            say(line)
    if result.shown:
        results().print((labeled_predictions_table if several else predictions_table)(result.shown))
        correct = sum(shown.is_correct for shown in result.shown)
        say(
            f"{correct} of {len(result.shown)} correct. Saved as an image:\n  {result.folder / 'predictions.png'}"
        )
    if result.report is not None:
        say(f"Full report (open in a browser):\n  {result.report}")
    say()
    if is_demo:
        _after_the_demo(result.folder)
        return
    say("Next: score each class, or predict your own pictures", "bold")
    say("  " + command("evaluate", result.folder))
    say("  " + command("predict", result.folder) + " PICTURE.jpg")


def _after_the_demo(run: Path) -> None:
    say("Next: score each digit", "bold")
    say("  " + command("evaluate", run))
    say("Classify one of your photos with the built-in model (1,000 classes)", "bold")
    say("  " + command("predict") + " PHOTO.jpg")
    say("Train on your own pictures, one folder per class, or run the classic tutorial", "bold")
    say("  " + command("train") + " FOLDER")
    say("  " + command("train", "cifar10", "--recipe", "first-cnn"))


def _forecast_lines(result: TrainingResult) -> list[str]:
    """Return forecast beside outcome, of a training with a number of minutes."""
    outcome = (result.forecast or {}).get("outcome")
    if result.forecast is None or outcome is None:
        return []
    return [compared_in_words(result.forecast)]


def _target_in_words(setup: TrainingSetup, target: float) -> str:
    last = held_out_accuracy(read_log(setup.folder.path / LOG)[0])
    assert last is not None
    count = counted(len(setup.validation), "picture")
    figures = f"validation accuracy {percent(last, 2)} ({count}), target {percent(target, 2)}"
    if last >= target:
        return f"Target reached: {figures}"
    if setup.minutes is not None:
        return f"Target missed: {figures}. More minutes, more pictures or a larger --backbone may reach it."
    return f"Target missed: {figures}. Without --target, the recipe trains longer."


def _kept_epoch(setup: TrainingSetup, result: TrainingResult) -> str:
    config, count = setup.config, len(result.history)
    if not config.keeps_best:
        return f"Kept the last epoch ({count} of {count})"
    best = best_epoch(result.history, balanced=config.is_balanced)
    score = best.val_balanced_accuracy if config.is_balanced else best.val_accuracy
    return f"Best epoch: {best.epoch + 1} of {count} ({_validation(config)} {percent(score, 2)})"


def _validation(config: TrainConfig) -> str:
    """Return what epochs are scored by."""
    return f"{'balanced ' * config.is_balanced}validation {score_name(config.multi_label)}"


def _early_end_lines(setup: TrainingSetup, result: TrainingResult) -> list[str]:
    """Return that patience ended the training before its last epoch."""
    config, done = setup.config, len(result.history)
    part = config if config.fine_tuning is None else config.fine_tuning
    if part.patience is None or not 0 < done < part.epochs or config.early_end.reached(result.history[-1]):
        return []
    return [
        f"Stopped after {done} of {part.epochs} epochs: no better {_validation(config)} for "
        f"{counted(part.patience, 'epoch')}"
    ]


def trained_as_dict(setup: TrainingSetup, result: TrainingResult, saved_to: Path | None) -> dict[str, Any]:
    """Return a finished training as plain values, for JSON."""
    assert result.scores is not None
    return {
        "run": str(result.folder),
        "model": str(RunFolder(result.folder).model),
        "saved_to": None if saved_to is None else str(saved_to),
        "notices": [*setup.dataset.notices, *filter(None, map(str.strip, left_out_lines(setup)))],
        "history": [epoch_values(done, multi_label=setup.config.multi_label) for done in result.history],
        "findings": [finding.to_dict() for finding in result.findings],
        "scores": result.scores.to_dict(),
        "scores_without_tta": None if result.plain_scores is None else result.plain_scores.to_dict(),
        "scores_of_trusted_pictures": None if result.trusted is None else result.trusted.to_dict(),
        "forecast": None if result.forecast is None else dict(result.forecast),
        "report": None if result.report is None else str(result.report),
        "predictions": [
            {
                "picture": shown.prediction.picture,
                **_answer_as_dict(shown),
                "right": shown.is_correct,
            }
            for shown in result.shown
        ],
    }


def _answer_as_dict(shown: PredictedImage) -> dict[str, Any]:
    """Return the predicted and the true class; of several labels, lists of them."""
    prediction = shown.prediction
    if prediction.labels is not None:
        return {"predicted": list(prediction.labels), "true": list(shown.targets)}
    return {
        "predicted": prediction.names[0],
        "probability": prediction.probabilities[0],
        "true": shown.target,
    }
