"""What older versions of Keras took is answered with what to write today."""

import numpy as np
import pytest

import tellapart
from tellapart.errors import ArgumentError, TellapartError


@pytest.fixture(scope="module")
def model():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


X, Y = np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")


@pytest.mark.parametrize(
    ("old", "today"),
    [
        ({"nb_epoch": 3}, "epochs="),
        ({"samples_per_epoch": 3}, "steps_per_epoch="),
        ({"nb_val_samples": 3}, "validation_steps="),
        ({"workers": 4}, "PyDataset"),
        ({"use_multiprocessing": True, "max_queue_size": 3}, "use_multiprocessing=, max_queue_size="),
        ({"show_accuracy": True}, "metrics=['accuracy']"),
        ({"class_mode": "binary"}, "Drop it: the loss"),
    ],
)
def test_a_removed_argument_is_answered_with_todays_form(model, old, today):
    with pytest.raises(ArgumentError) as caught:
        tellapart.fit(model, X, Y, **old)
    assert today in str(caught.value)
    assert "tellapart modernize SCRIPT" in str(caught.value)
    assert isinstance(caught.value, TypeError)  # as Keras would raise
    assert isinstance(caught.value, TellapartError)


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(model):
    with pytest.raises(ArgumentError, match=r"Did you mean epochs=\?"):
        tellapart.fit(model, X, Y, epoch=3)


def test_an_argument_that_a_subclass_has_reaches_it():
    import keras

    class Own(keras.Model):
        def fit(self, x=None, y=None, nb_epoch=1, **options):
            return nb_epoch

    model = Own()
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="overrides"):
        assert tellapart.fit(model, X, Y, nb_epoch=7, workers=2) == 7


@pytest.mark.parametrize(
    "name", ["fit_generator", "evaluate_generator", "predict_classes", "ImageDataGenerator"]
)
def test_a_name_of_old_keras_is_answered_with_todays(name):
    with pytest.raises(AttributeError, match="In today's Keras, write"):
        getattr(tellapart, name)
