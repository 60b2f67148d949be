"""The tutorial as a notebook: it runs, quickly, and what it says of old calls and today's is so."""

import re
import resource
import warnings
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from tellapart.keras_backend import import_keras

keras = import_keras()

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT, NOTEBOOK = DOCS / "tutorial.py", DOCS / "tutorial.ipynb"
PROCESSOR_SECONDS = 180
"""Of all cores together: on two idle ones the notebook takes less than three minutes, however busy they are here."""

MEGABYTES = 0.3


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with what its cells gave, and the processor's seconds."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = processor_seconds()
    place = str(tmp_path_factory.mktemp("notebook"))
    client = NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": place}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook's machinery
        client.execute()
    return notebook, processor_seconds() - before, Path(place)


def printed(notebook):
    return "".join(
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


def test_notebook_and_script_are_one():
    script, notebook = jupytext.read(SCRIPT), nbformat.read(NOTEBOOK, as_version=4)
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in script.cells
    ], "Run python scripts/tutorial_notebook.py."


def test_the_notebook_is_small_and_valid():
    assert NOTEBOOK.stat().st_size < 1e6 * MEGABYTES
    nbformat.validate(nbformat.read(NOTEBOOK, as_version=4))


def test_it_runs_without_an_error_and_in_time(executed):
    notebook, seconds, _ = executed
    errors = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]
    assert errors == []
    assert seconds < PROCESSOR_SECONDS


def test_it_prints_what_the_tutorial_prints(executed):
    text = printed(executed[0])
    assert "x_train shape: (1438, 16, 16, 1)\n1438 train samples\n359 test samples\n" in text
    assert "divided once: 1.0  twice: 0.0039" in text
    assert "Test loss: " in text
    found = re.search(r"Test accuracy: ([\d.]+) \(95% interval ([\d.]+) to ([\d.]+), n = 359\)", text)
    accuracy, low, high = (float(one) for one in found.groups())
    assert 0.85 < low < accuracy < high < 1
    right = re.search(r"(\d+) of these 20 are right", text)
    assert int(right[1]) >= 15


def test_it_shows_pictures_and_leaves_a_model_and_a_report(executed):
    notebook, _, place = executed
    shown = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(shown) == 4  # pictures, curves, predictions, an explanation
    assert "The loaded model predicts the same: True" in printed(notebook)
    assert (place / "saved_models" / "keras_first_cnn_test.keras").is_file()
    (run,) = (place / "runs").iterdir()
    assert (run / "report.html").is_file()


def cards(notebook):
    """The name of each object that a cell shows -> its line and the size of its card."""
    shown = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if html := output.get("data", {}).get("text/html"):
                shown[re.search(r"<b>(\w+)</b>", html)[1]] = output["data"]["text/plain"], len(html)
    return shown


def test_results_are_cards(executed):
    shown = cards(executed[0])
    assert list(shown) == ["Training", "TrainingResult", "Predictions", "Explanation"]
    accuracy = re.match(
        r"<TrainingResult: test accuracy ([\d.]+)% \(95% interval", shown["TrainingResult"][0]
    )
    assert float(accuracy[1]) > 95
    assert sum(size for _, size in shown.values()) < 100_000


def test_it_ships_with_its_outputs_and_nothing_of_the_machine_that_ran_it():
    text = NOTEBOOK.read_text(encoding="utf-8")
    shipped = nbformat.reads(text, as_version=4)
    assert list(cards(shipped)) == ["Training", "TrainingResult", "Predictions", "Explanation"]
    assert all(cell.execution_count for cell in shipped.cells if cell.cell_type == "code")
    assert not re.search(r"/(tmp|home|root|work|Users)/", text)
    assert '"stderr"' not in text


def test_it_trains_with_augmentation_too(executed):
    """Two epochs, after the twenty without; its pictures are shifted, and it learns."""
    text = printed(executed[0])
    assert "Epoch 2/2" in text.split("Epoch 20/20")[1]
    told = re.findall(r" loss: ([\d.]+)", text.split("Epoch 20/20")[1].split("Epoch 1/2")[1])
    assert float(told[1]) < float(told[0])
    assert "Shifted in training: True" in text


def test_its_network_is_the_tutorials(executed):
    from tellapart.models.first_cnn import first_cnn

    assert f"{first_cnn((16, 16, 1), 10).count_params():,} parameters" in printed(executed[0])


def rows():
    """Old call, today's call."""
    text = SCRIPT.read_text(encoding="utf-8")
    return re.findall(r"^# \| `(.+?)` \| `(.+?)` \|$", text, re.MULTILINE)


@pytest.fixture
def names():
    """What the calls of the table are about."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    labels = np.arange(10)
    x, y = np.ones((10, 4), "float32"), keras.utils.to_categorical(labels, 10)

    class BatchSampler(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return x[:5], y[:5]

    return {
        "keras": keras,
        "layers": keras.layers,
        "model": model,
        "batches": BatchSampler(),
        "labels": labels,
        "x_train": x,
        "y_train": y,
        "x_test": x,
        "history": model.fit(x, y, validation_data=(x, y), verbose=0),
    }


def test_the_table_names_what_the_tutorial_called():
    old = " ".join(then for then, _ in rows())
    for name in (
        "rmsprop",
        "lr=",
        "decay=",
        "fit_generator",
        "ImageDataGenerator",
        "np_utils",
        "datagen.fit",
    ):
        assert name in old
    assert len(rows()) == 18


@pytest.mark.parametrize(("then", "today"), rows())
def test_todays_call_runs_without_a_warning_and_the_old_one_does_not(
    names, then, today, tmp_path, monkeypatch
):
    said = []  # of formats, Keras speaks through absl
    monkeypatch.setattr("absl.logging.warning", lambda text, *_: said.append(text))
    monkeypatch.chdir(tmp_path)  # where a model is saved
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras's own are of this kind
        exec(today, dict(names))
        assert said == []
        if then.startswith("model.save("):  # it still runs, and says so
            exec(then, dict(names))
            assert "legacy" in said[0]
        elif not then.startswith("datagen."):  # there is none to call
            with pytest.raises(Exception):  # noqa: B017, PT011
                exec(then, dict(names))


def test_the_schedule_of_the_table_is_the_old_decay(names):
    today = next(today for then, today in rows() if then.startswith("keras.optimizers.rmsprop"))
    optimizer = eval(today, dict(names))
    for step in (0, 1000, 312_600):
        assert float(optimizer._learning_rate(step)) == pytest.approx(1e-4 / (1 + 1e-6 * step), rel=1e-5)
