"""`score_run`: a training that left out the test split, scored on it; once."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tellapart.api.completed import opener_of
from tellapart.api.finish import TrainingResult, score_test
from tellapart.api.listener import Listener
from tellapart.api.prepare import prepare_again
from tellapart.api.train import with_report
from tellapart.errors import ConfigError, DataError
from tellapart.runs.folder import existing_run_folder
from tellapart.runs.saved_run import load_run


def score_run(
    run: str | Path,
    data: Any = None,
    labels: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    listener: Listener | None = None,
) -> TrainingResult:
    """Score a finished training that was not to score its test split, and write its report.

    Nothing is trained or chosen any more: the model that lies in the folder is scored as it is.

    Args:
        run: its folder.
        data: its images, where they were arrays; None: those that it recorded.
        labels: of `data`.
        class_names: of labels in arrays.
        listener: hears of the images read and scored.

    Raises:
        ConfigError: it was scored before, or its images are gone with the memory that held them.
        DataError: the images are not those of the run any more, or its model is missing.
    """
    listener, folder = listener or Listener(), existing_run_folder(run)
    if folder.is_finished:
        raise ConfigError(f"{folder.path} was scored on its test pictures before; `report` shows the scores.")
    with ExitStack() as held:
        opened = opener_of(class_names, listener, for_training=False)
        setup = prepare_again(folder.path, data, labels, opened, {}, listener, held)
        saved = load_run(folder.path, setup.stores)
        if saved.classifier is None:
            raise DataError(
                f"{folder.path} cannot be scored: {'; '.join(saved.missing)} "
                f"Finish it with: tellapart train --resume {folder.path}"
            )
        result = score_test(setup, saved.classifier, saved.history, saved.predictions, listener)
        return with_report(result, setup, listener)
