"""What opens data from a stranger: the library's functions and the command line, each given a case."""

import contextlib
import csv
import io
import os
import platform


def import_everything():
    """Import what most verbs need before they are forked, without starting a thread.

    Not Keras: where a command does without it, it takes 200 MB less.
    """
    import pillow_heif  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import torch
    from PIL import AvifImagePlugin, Image  # noqa: F401

    import tellapart.api.evaluate
    import tellapart.api.predict
    import tellapart.api.train
    import tellapart.cli.main
    import tellapart.cli.terminal.training  # noqa: F401
    from tellapart.keras_backend import leave_out_optional

    leave_out_optional()
    Image.init()
    platform.platform()  # asks a program the first time
    torch.set_num_threads(1)


def dataset_of(case):
    from tellapart.data.open import open_dataset

    return open_dataset(case.data, labels=case.labels)


def open_all(case):
    """Open the data and decode every picture."""
    from tellapart.errors import PictureError

    dataset, unreadable = dataset_of(case), 0
    for split in dataset.splits.values():
        for row in range(len(split)):
            try:
                split.images.read(row)
            except PictureError:
                unreadable += 1
    return dataset.class_names[:9], {name: len(split) for name, split in dataset.splits.items()}, unreadable


def open_known(case):
    """Open a known set by its name, where its files lie in the user's folder of data."""
    from tellapart.data.open import open_dataset

    os.environ["TELLAPART_DATA"] = str(case.data.parent)
    return [open_dataset(name).splits for name in ("cifar10", "cifar100", "mnist")]


def prepare(case):
    """Prepare a training: split, read, write the run folder."""
    from contextlib import ExitStack

    from tellapart.api.configure import configured
    from tellapart.api.listener import Listener
    from tellapart.api.prepare import prepare as prepare_training
    from tellapart.data.open import reopening
    from tellapart.runs.folder import RunFolder

    dataset = dataset_of(case)
    images = len(dataset.splits["train"])
    has_validation = "validation" in dataset.splits
    config = configured("quick", dataset.mirrors, True, None, {}, images, has_validation=has_validation)
    with ExitStack() as held:
        again = reopening(case.data, case.labels)
        setup = prepare_training(dataset, config, case.folder / "run", again, Listener(), held)
        folder = RunFolder(setup.folder.path)
        split = folder.read_split(folder.read_settings()[1])
    assert set(split) == {identifier for part in setup.dataset.splits.values() for identifier in part.ids}
    return {name: len(store) for name, store in setup.stores.items()}


def predict(case):
    """Predict all pictures below a folder, or one; the table has as many cells in every row."""
    import tellapart

    answers = tellapart.predict(case.model, case.data)
    rows = list(csv.reader(io.StringIO(answers.to_csv(), newline="")))
    assert [len(row) for row in rows] == [len(rows[0])] * (1 + len(answers))
    return len(answers), [picture.reason for picture in answers.unreadable][:2]


def evaluate(case):
    import tellapart

    return tellapart.evaluate(case.model, case.data, labels=case.labels, split="train").scores.accuracy


def explain(case):
    import tellapart

    return len(tellapart.explain(case.model, case.data, quick=True).to_html())


def train(case):
    """Train for an epoch, with all that is written at the end."""
    import tellapart

    settings = {"recipe": "quick", "epochs": 1, "size": (16, 16), "batch_size": 8, "verbose": False}
    result = tellapart.train(case.data, labels=case.labels, out=case.folder / "run", **settings)
    assert (case.folder / "run" / "report.html").is_file(), "no report"
    return result.scores.accuracy


def command(case):
    """Give the command line odd words; it may refuse them, and a traceback is none of its answers."""
    from tellapart.cli.main import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main([str(word) for word in case.words])
    assert code in (0, 1, 2, 3, 4), code
    assert "Traceback" not in said.getvalue(), said.getvalue()[-3000:]
    return code, said.getvalue()[-200:]
