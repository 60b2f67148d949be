"""The ways in: train_classifier, evaluate, load. Wiring only: each line hands the result of one room to the next."""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.api.evaluate import Evaluation, evaluate_model
from tellapart.api.listener import Listener
from tellapart.api.prepare import _prepare_again, _run, prepare
from tellapart.api.training_run import TrainingResult, run_training
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.resolve import model_meant
from tellapart.data.open import Dataset, open_dataset, reopening
from tellapart.data.store import UnreadableImage
from tellapart.errors import ConfigError, TellapartError
from tellapart.recipes.config import TrainConfig
from tellapart.runs.folder import refuse_taken
from tellapart.runs.setup import TrainingSetup

if TYPE_CHECKING:
    from tellapart.api.explain import Page
    from tellapart.api.report import Report

DEFAULT_RECIPE = "quick"
RECIPE_FOR_TARGETS = "fast"


def default_recipe(target: float | None) -> str:
    """The recipe's name where none is given."""
    return DEFAULT_RECIPE if target is None else RECIPE_FOR_TARGETS


def load(path: str | Path) -> Classifier:
    """Load a classifier: a run folder, a `.keras` or an `.h5` file, or "cifar10" or "digits", which come along.

    Raises:
        ModelError: no such file, not a model, or not an image classifier.
    """
    return Classifier.load(model_meant(path))


def train_classifier(
    data: Any = None,
    *,
    recipe: str | TrainConfig | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    augment: bool = True,
    target: float | None = None,
    listener: Listener | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> TrainingResult:
    """Train a classifier on labelled pictures, save it in a run folder, and score it on the test split.

    Args:
        data: anything that `open_dataset` opens: a known set's name, a folder, an `.npz`, arrays.
        recipe: a recipe's name, or a Run; None: quick, or fast where a target is given.
        out: the run folder to make; by default a dated one under `runs/`.
        resume: the run folder of a training that was stopped; data and settings are then its own.
        labels: CSV of a folder without class folders, or the labels of an array `data`.
        class_names: of labels 0, 1, 2, ... in arrays.
        augment: False to learn from the pictures as they are, whatever the recipe says.
        target: validation accuracy, 0 to 1, at which the training may end; see `recipes.for_target`.
        listener: is told what happens.
        should_stop: asked after every step; True saves a checkpoint and returns.
        **changes: fields of the Run to change, such as epochs=25, seed=1, size=(48, 48).

    Raises:
        ConfigError: an unknown recipe or setting, or one out of range.
        DataError: pictures or labels that cannot be used.
        SaveError: the disk is full.
    """
    listener = listener or Listener()
    if recipe is None:
        recipe = default_recipe(target)

    def opened(what: Any, labels: Any) -> Dataset:
        return open_dataset(
            what, labels=labels, class_names=class_names, download=True, progress=listener.downloading
        )

    if resume is not None:
        if not augment or target is not None:
            changes["augmentation or target"] = False
        prepared = _prepare_again(resume, data, labels, opened, changes, listener)
    elif data is None:
        raise ConfigError("Nothing to train on: give a known set's name, a folder of pictures, or arrays.")
    else:
        refuse_taken(out)
        _run(recipe, True, augment, target, changes, 1)  # refuses a bad setting before anything is fetched
        source = opened(data, labels)
        run = _run(recipe, source.mirrors, augment, target, changes, len(source.splits.get("train", ())))
        prepared = prepare(source, run, out, reopening(data, labels), listener)
    trained = run_training(prepared, listener, should_stop)
    return _with_report(trained, prepared, listener) if trained.finished else trained


def _with_report(trained: TrainingResult, prepared: TrainingSetup, listener: Listener) -> TrainingResult:
    """Whatever goes wrong with the page, the training is done and must come back."""
    from tellapart.api.report import report_of_run

    try:
        report = report_of_run(trained.folder, listener, prepared.stores)
    except Exception as reason:
        told = reason if isinstance(reason, TellapartError) else f"a bug, {type(reason).__name__}: {reason}"
        warnings.warn(f"The training is done and saved; its report is not: {told}", stacklevel=3)
        return trained
    return dataclasses.replace(trained, report=report.path)


def write_report(run: str | Path, *, listener: Listener | None = None) -> "Report":
    """Write a run's page, `report.html` in its folder, anew.

    Args:
        run: the folder that `train_classifier` made.
        listener: is told of pictures read and compared.

    Returns:
        The page's path, and everything that it says as plain values.

    Raises:
        DataError: there is no such folder.
        ConfigError: it is no run's.
        SaveError: the page could not be written.
    """
    from tellapart.api.report import report_of_run

    return report_of_run(run, listener or Listener())


def compare(runs: Sequence[str | Path]) -> dict[str, Any]:
    """Hold runs against each other on their test pictures, two by two, by McNemar's exact test.

    Args:
        runs: folders of finished runs that were scored on the same test pictures.

    Returns:
        "runs": each one's accuracy, its interval and n; "pairs": each two runs' difference and p-value.

    Raises:
        ConfigError: fewer than two runs, or something that is none.
        DataError: they were not scored on the same pictures.
    """
    from tellapart.api.report import comparison_of_runs

    return comparison_of_runs(runs)


def explain_pictures(
    model: str | Path,
    pictures: Sequence[str | Path],
    *,
    out: str | Path = "explanations",
    classes: Sequence[str] = (),
    listener: Listener | None = None,
) -> tuple[list["Page"], list[UnreadableImage]]:
    """Write a page for each picture: a network's run over it, and why it answers so.

    Args:
        model: a run folder, whose training pictures are then shown too; a `.keras` or an `.h5` file; or the name
            of a model that comes along.
        pictures: files.
        out: the folder for the pages; made where it is not there.
        classes: to be asked about besides the likeliest: why this one, and not that one.
        listener: is told of training pictures looked at, and of sections made.

    Returns:
        The pages with their explanations, and the pictures that could not be read.

    Raises:
        ConfigError: no such class, or `out` is a file.
        ModelError: not a model.
        SaveError: a page could not be written; what was there stays.
    """
    from tellapart.api.explain import Explainer, write_pages

    listener, meant = listener or Listener(), Path(model_meant(model))
    run = meant if (meant / "run.toml").is_file() else None
    explainer = Explainer(Classifier.load(meant), run, listener.looking)
    return write_pages(explainer, [Path(one) for one in pictures], Path(out), classes, listener.explaining)


def evaluate(
    model: str | Path,
    data: Any = None,
    *,
    split: str | None = None,
    labels: Any = None,
    listener: Listener | None = None,
    precision: str | None = None,
) -> Evaluation:
    """Score a run folder or a model file: on a run's own test pictures, or on `data`.

    Args:
        model: a run folder, a `.keras` or an `.h5` file, or the name of a model that comes along.
        data: anything that `open_dataset` opens; None for a run folder's own.
        split: "train", "validation" or "test"; None for the test split, or everything where data is undivided.
        labels: CSV of a folder without class folders.
        listener: is told of the pictures read and scored.
        precision: "float32", "bfloat16" or "auto", as in `Classifier.probabilities`; None: for a run folder
            that of its training, and else float32.

    Raises:
        ConfigError: no data given, and the model is no run folder.
        DataError: pictures or labels that cannot be used.
        ModelError: not a model.
    """
    listener = listener or Listener()

    def opened(what: Any, labels: Any) -> Dataset:
        return open_dataset(what, labels=labels, download=True, progress=listener.downloading)

    return evaluate_model(
        model_meant(model), data, reopening(data, labels), split, labels, opened, listener, precision
    )
