"""What was assumed to read pictures is told by each command: once for each kind, with how many."""

from types import SimpleNamespace

import numpy as np
import pytest

from tellapart.api.predict import Predictions
from tellapart.classifier.prediction import Prediction, with_notes
from tellapart.cli.terminal.predictions import report_predictions
from tellapart.cli.terminal.training_report import left_out_lines
from tellapart.data.reading_notes import ReadingNote
from tellapart.data.store import ImageStore

DARK = "16-bit levels of which only 12 bits are used, read with 4,095 as white"


def test_training_tells_what_was_assumed_and_where_pictures_are_decoded_anew():
    images, labels = np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int64)
    notes = (ReadingNote("a/1.png", DARK), ReadingNote("a/2.png", DARK))
    stores = {
        "train": ImageStore(images, labels, ("a/1.png", "a/2.png"), notes=notes, remark="No room"),
        "test": ImageStore(images, labels, ("b/1.png", "b/2.png"), remark="No room"),
    }
    setup = SimpleNamespace(stores=stores, dataset=SimpleNamespace(ignored=(), notes=()))
    assert left_out_lines(setup) == [f"2 pictures: {DARK} (such as a/1.png)", "No room.", ""]


@pytest.mark.parametrize("as_json", [True, False])
def test_predicting_tells_it_too(as_json, capsys):
    plain = [Prediction(name, ("cat", "dog"), (0.9, 0.1)) for name in ("a.png", "b.png")]
    predictions = Predictions(("cat", "dog"), tuple(with_notes(plain, [DARK, ""])), ())
    report_predictions(predictions, "imagenet", None, as_json)
    output = capsys.readouterr()
    assert f"1 picture: {DARK} (a.png)" in " ".join(output.err.split())
    first, second = predictions.to_dict()["predictions"]
    assert first["note"] == DARK
    assert "note" not in second
