"""The forms of a file: odd names of classes and pictures, and parquet's row groups."""

import csv
from pathlib import Path

import pyarrow.parquet
import pytest

from tellapart.classifier.prediction import Prediction
from tellapart.classifier.prediction_rows import PredictionRows
from tellapart.data.reading_notes import UnreadableImage
from tellapart.errors import ConfigError
from tellapart.volume import formats
from tellapart.volume.columns import Columns
from tellapart.volume.formats import FORMATS, format_of

COLUMNS = Columns(PredictionRows(("cat", "error", "=danger"), novelty_limit=0.5), None)
ANSWERS = [
    Prediction("a,\n.jpg", ("error", "cat", "=danger"), (0.5, 0.25, 0.25), familiar=True, novelty=0.1),
    UnreadableImage("b.jpg", 'b.jpg: "no" picture'),
]


def written(ending, tmp_path, parts):
    form = FORMATS[ending](COLUMNS)
    paths = []
    for number, answers in enumerate(parts):
        paths.append(tmp_path / f"part-{number}")
        paths[-1].write_bytes(form.part(answers))
    form.join(paths, tmp_path / f"rows{ending}")
    return tmp_path / f"rows{ending}"


def test_a_class_with_the_name_of_a_column_gets_another(tmp_path):
    with written(".csv", tmp_path, [ANSWERS]).open(newline="") as file:
        header, good, bad = csv.reader(file)
    begins = ["picture", "predicted", "familiar", "novelty", "novelty_limit"]
    assert header == [*begins, "cat", "p(error)", "'=danger", "error"]
    assert good == ["a,\n.jpg", "error", "true", "0.1", "0.5", "0.25", "0.5", "0.25", ""]
    assert bad == ["b.jpg", *[""] * 7, 'b.jpg: "no" picture']


def test_parquet_has_types_and_row_groups_of_equal_size_whatever_the_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "ROWS_OF_A_ROW_GROUP", 5)
    file = pyarrow.parquet.ParquetFile(written(".parquet", tmp_path, [ANSWERS, ANSWERS * 3, ANSWERS * 2]))
    assert [file.metadata.row_group(number).num_rows for number in range(3)] == [5, 5, 2]
    assert [str(field.type) for field in file.schema_arrow] == [
        *("string", "string", "bool", "double", "double"),
        *("float", "float", "float", "string"),
    ]
    rows = file.read().to_pylist()
    assert rows == rows[:2] * 6
    assert (rows[0]["p(error)"], rows[0]["familiar"], rows[0]["error"]) == (0.5, True, None)
    assert rows[1] == dict.fromkeys(rows[1]) | {"picture": "b.jpg", "error": 'b.jpg: "no" picture'}


@pytest.mark.parametrize("ending", list(FORMATS))
def test_no_rows_make_a_file_too(ending, tmp_path):
    assert written(ending, tmp_path, []).exists()


def test_endings_count_in_any_case():
    assert format_of(Path("A.CSV")) is FORMATS[".csv"]
    with pytest.raises(ConfigError, match=r"no ending is none that is known.*predictions\.csv|rows\.csv"):
        format_of(Path("rows"))
