"""In a notebook, a training is one output that is written anew; in a script, lines."""

import nbformat
import pytest
from nbclient import NotebookClient

import tellapart
from tellapart.api.listener import EpochPrinter, Listener
from tellapart.api.live import NotebookListener, Training, listener_for
from tellapart.events import EpochDone, Finding, StepDone
from tellapart.pages.card import LARGEST_CARD

CODE = """
import tellapart
result = tellapart.train("digits", recipe="quick", epochs=3, predictions=4)
"""


def epoch(number, epochs=3, accuracy=0.5):
    return EpochDone(number, epochs, 1.0, accuracy, 1.1, accuracy, 1e-3, 0.5)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A notebook that trains, and shows its result."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CODE), nbformat.v4.new_code_cell("result")]
    )
    place = str(tmp_path_factory.mktemp("live"))
    resources = {"metadata": {"path": place}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    return notebook


def test_a_training_is_one_output_with_its_curve(executed):
    (output,) = executed.cells[0].outputs
    html = output["data"]["text/html"]
    assert output.output_type == "display_data"
    assert html.count("<polyline") == 4
    assert "Epoch 3/3: loss" in html
    assert len(html) < LARGEST_CARD
    assert "Epoch 3/3: loss" in output["data"]["text/plain"]


def test_its_result_is_a_card(executed):
    (output,) = executed.cells[1].outputs
    assert output["data"]["text/plain"].startswith("<TrainingResult: test accuracy ")
    assert output["data"]["text/html"].startswith('<div class="tellapart-card">')
    assert len(output["data"]["text/html"]) < LARGEST_CARD


def test_in_a_script_lines_are_printed():
    assert type(listener_for(True)) is EpochPrinter
    assert type(listener_for(False)) is Listener


class Shell:
    kernel = object()


def test_in_a_kernel_the_curve_is_shown(monkeypatch):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", Shell)
    assert type(listener_for(True)) is NotebookListener
    assert type(listener_for(False)) is Listener
    monkeypatch.setattr(Shell, "kernel", None)  # IPython in a terminal
    assert type(listener_for(True)) is EpochPrinter


class Output:
    def __init__(self):
        self.updates = 0

    def update(self, shown):
        self.updates += 1
        self.line = repr(shown)


@pytest.fixture
def output(monkeypatch):
    import IPython.display

    output = Output()
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: output)
    return output


def test_steps_are_shown_once_a_second_at_most(output):
    listener = NotebookListener()
    for step in range(1000):
        listener.event(StepDone(0, step, 1000, 3, 1.0, 1, 2))
    assert output.updates <= 1
    listener.event(epoch(0))
    assert output.line.startswith("<Training: starting, Epoch 1/3: loss 1.0000")


def test_after_a_divergence_the_curve_goes_on_from_where_it_went_back_to(output):
    listener = NotebookListener()
    for number, accuracy in ((0, 0.1), (1, 0.2), (1, 0.3)):
        listener.event(epoch(number, accuracy=accuracy))
    assert [each.val_accuracy for each in listener.training.history] == [0.1, 0.3]


def test_what_the_watch_notices_stands_below(output):
    listener = NotebookListener()
    listener.event(Finding("overfitting", 2, 1, "validation loss rises", "Stop earlier"))
    assert "Overfitting (since epoch 2, noticed in epoch 3)" in listener.training._repr_html_()


def test_a_long_training_is_a_small_output():
    training = Training()
    training.history = [epoch(number, 2000) for number in range(2000)]
    training.lines = ["a line. " * 20] * 500
    assert len(training._repr_html_()) < LARGEST_CARD / 3


def test_fit_and_a_listener_of_ones_own_stay_as_they_are(color_photos, tmp_path, capsys):
    heard = []

    class Own(Listener):
        def event(self, event):
            heard.append(event)

    settings = {"recipe": "quick", "epochs": 1, "size": (16, 16), "batch_size": 8, "predictions": 0}
    tellapart.train(str(color_photos), out=tmp_path / "run", listener=Own(), **settings)
    assert any(isinstance(event, EpochDone) for event in heard)
    assert capsys.readouterr().out == ""
