"""What importing tellapart does, and does not."""

import os
import subprocess
import sys

import pytest


def python(script, **environment):
    env = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"} | environment
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env
    )


def test_importing_tellapart_loads_nothing_heavy():
    done = python(
        "import sys, tellapart\n"
        "heavy = {'torch', 'keras', 'numpy', 'PIL', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    assert done.returncode == 0, done.stderr


def test_keras_imported_after_tellapart_runs_on_torch():
    done = python("import tellapart, keras; print(keras.backend.backend())")
    assert done.stdout.split() == ["torch"]


def test_another_backend_chosen_by_the_user_is_refused_with_the_next_step():
    done = python("import tellapart; tellapart.fit(None)", KERAS_BACKEND="jax")
    assert "KERAS_BACKEND is set to 'jax'" in done.stderr
    assert "Set KERAS_BACKEND=torch" in done.stderr


def test_every_public_name_is_what_its_home_defines_and_no_folder_of_that_name():
    done = python(
        "import importlib, tellapart\n"
        "for name, home in tellapart._HOMES.items():\n"
        "    module = importlib.import_module(home)\n"
        "    assert getattr(tellapart, name) is getattr(module, name), name\n"
        "    assert callable(getattr(tellapart, name)), name\n"
    )
    assert done.returncode == 0, done.stderr


def test_an_unknown_name_is_an_attribute_error():
    import tellapart

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tellapart.nonsense


TUTORIAL = """
import numpy as np
import tellapart
import keras
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

random = np.random.default_rng(0)
x_train, y_train = random.integers(0, 256, (64, 32, 32, 3)), random.integers(0, 10, (64, 1))
y_train = keras.utils.to_categorical(y_train, 10)
x_train = x_train.astype("float32") / 255

model = keras.Sequential()
model.add(Conv2D(32, (3, 3), padding="same", input_shape=x_train.shape[1:]))
model.add(Activation("relu"))
model.add(Conv2D(32, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(10))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.RMSprop(1e-4), metrics=["accuracy"])
history = FIT x_train, y_train, batch_size=32, epochs=2, validation_data=(x_train, y_train), shuffle=True)
print(sorted(history.history), len(history.history["loss"]))
"""


def test_the_tutorials_script_runs_with_one_call_changed():
    results = {
        call: python(TUTORIAL.replace("FIT", call)) for call in ("model.fit(", "tellapart.fit(model, ")
    }
    for done in results.values():
        assert done.returncode == 0, done.stderr
    last_lines = {done.stdout.splitlines()[-1] for done in results.values()}
    assert last_lines == {"['accuracy', 'loss', 'val_accuracy', 'val_loss'] 2"}
