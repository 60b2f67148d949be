"""Each public function, given something of the wrong type, says what it met and what it takes."""

import keras
import numpy as np
import pytest

import tellapart

WRONG = {
    "None": None,
    "a number": 3,
    "a list": [1, 2],
    "a dict": {},
    "an array": np.zeros((2, 3)),
    "an object": object(),
    "a function": print,
}


@pytest.fixture(scope="module")
def keras_model():
    return keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    )


FUNCTIONS = {
    "load": lambda thing: tellapart.load(thing),
    "evaluate": lambda thing: tellapart.evaluate(thing, "digits"),
    "explain": lambda thing: tellapart.explain(thing, np.zeros((5, 5, 3), np.uint8)),
    "predict": lambda thing: tellapart.predict(thing, np.zeros((5, 5, 3), np.uint8)),
    "report": lambda thing: tellapart.report(thing),
    "summary": lambda thing: tellapart.summary(thing),
    "adopt": lambda thing: tellapart.adopt(thing),
    "compare": lambda thing: tellapart.compare(thing),
    "modernize": lambda thing: tellapart.modernize(thing),
    "open_dataset": lambda thing: tellapart.open_dataset(thing),
    "load_data": lambda thing: tellapart.load_data(thing),
    "check": lambda thing: tellapart.check(thing),
    "augment": lambda thing: tellapart.augment(thing),
    "train": lambda thing: tellapart.train(thing),
    "train, as recipe": lambda thing: tellapart.train("digits", recipe=thing or 3),
    "train, as out": lambda thing: tellapart.train("digits", out=thing or 3),
    "train, as resume": lambda thing: tellapart.train(resume=thing or 3),
    "tune": lambda thing: tellapart.tune(thing, trials=1),
    "tune, as recipe": lambda thing: tellapart.tune("digits", trials=1, recipe=thing or 3),
    "tune, as resume": lambda thing: tellapart.tune(resume=thing or 3, trials=1),
    "register_source": lambda thing: tellapart.register_source(thing),
    "dataset_of": lambda thing: tellapart.dataset_of("name", thing),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_wrong_type_is_refused_in_words(function, wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = WRONG[wrong]
    if thing is not None and isinstance(thing, list | dict | np.ndarray) and "as" in function:
        thing = (thing,)  # which is true
    with pytest.raises(tellapart.TellapartError) as reason:
        FUNCTIONS[function](thing)
    message = str(reason.value)
    assert 20 < len(message) < 700
    assert "object at 0x" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", ["load", "evaluate", "explain", "predict", "report", "summary"])
def test_a_keras_model_in_memory_is_named(function, keras_model):
    with pytest.raises(tellapart.TellapartError, match=r"Sequential") as reason:
        FUNCTIONS[function](keras_model)
    assert "Keras" in str(reason.value)


def test_a_result_of_train_is_taken_wherever_a_run_or_a_model_is(trained):
    assert tellapart.load(trained).class_names == trained.classifier.class_names
    assert tellapart.report(trained).path == trained.folder / "report.html"
    assert tellapart.summary(trained).summary.input_shape == (16, 16, 3)
    assert tellapart.evaluate(trained).scores == trained.scores
