"""The CIFAR-10 lesson as it was typed for Keras 0, 1 and 2: modernized, it trains, scores and saves, unchanged.

The scripts are the Keras team's `examples/cifar10_cnn.py` (MIT license), of each era its forms, with fewer layers.
`keras.datasets` reads a few random pictures, and Keras's own KERAS_MAX_EPOCHS ends the training.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import tellapart

DATA = """
import importlib.util, os, sys

class Datasets:
    def find_spec(self, name, path=None, target=None):
        if name == "keras.src.datasets.cifar10":
            return importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(__file__), "few.py"))

sys.meta_path.insert(0, Datasets())
"""

FEW = """
import numpy as np
from keras import backend

def load_data():
    random = np.random.default_rng(0)
    shape = (3, 32, 32) if backend.image_data_format() == "channels_first" else (32, 32, 3)
    def part(count):
        return random.integers(0, 256, (count, *shape)).astype("uint8"), random.integers(0, 10, (count, 1))
    return part(40), part(20)
"""

KERAS_0 = """from __future__ import absolute_import
from __future__ import print_function
from keras.datasets import cifar10
from keras.preprocessing.image import ImageDataGenerator
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.optimizers import SGD, Adadelta, Adagrad
from keras.utils import np_utils, generic_utils
from six.moves import range

nb_classes = 10
nb_epoch = 1

(X_train, y_train), (X_test, y_test) = cifar10.load_data()
print(X_train.shape[0], 'train samples')
Y_train = np_utils.to_categorical(y_train, nb_classes)

model = Sequential()

model.add(Convolution2D(4, 3, 3, 3, border_mode='full'))
model.add(Activation('relu'))
model.add(MaxPooling2D(poolsize=(2, 2)))
model.add(Dropout(0.25))

model.add(Flatten())
model.add(Dense(4*17*17, 16, init='normal'))
model.add(Activation('relu'))
model.add(Dense(16, nb_classes, init='normal'))
model.add(Activation('softmax'))

sgd = SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd)

datagen = ImageDataGenerator(
    featurewise_center=True,  # set input mean to 0 over the dataset
    featurewise_std_normalization=True, # divide inputs by std of the dataset
    rotation_range=20, # randomly rotate images in the range (degrees, 0 to 180)
    horizontal_flip=True) # randomly flip images
datagen.fit(X_train)

for e in range(nb_epoch):
    print('Epoch', e)
    progbar = generic_utils.Progbar(X_train.shape[0])
    for X_batch, Y_batch in datagen.flow(X_train, Y_train):
        loss = model.train(X_batch, Y_batch)
        progbar.add(X_batch.shape[0], values=[("train loss", loss)])
print('Shape', model.predict(X_test.astype('float32')).shape)
print('Weights', model.layers[1].get_weights()[0].shape)
"""

KERAS_1 = """'''Train a simple deep CNN on the CIFAR10 small images dataset.'''

from __future__ import print_function
from keras.datasets import cifar10
from keras.preprocessing.image import ImageDataGenerator
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D
from keras.utils import np_utils

batch_size = 32
nb_classes = 10
nb_epoch = 200
img_rows, img_cols = 32, 32
img_channels = 3

(X_train, y_train), (X_test, y_test) = cifar10.load_data()
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(Convolution2D(4, 3, 3, border_mode='same',
                        input_shape=(img_channels, img_rows, img_cols)))
model.add(Activation('relu'))
model.add(Convolution2D(4, 3, 3, subsample=(2, 2)))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(nb_classes))
model.add(Activation('softmax'))

model.compile(loss='categorical_crossentropy',
              optimizer='rmsprop',
              metrics=['accuracy'])

X_train = X_train.astype('float32')
X_test = X_test.astype('float32')
X_train /= 255
X_test /= 255

datagen = ImageDataGenerator(
    width_shift_range=0.1,  # randomly shift images horizontally (fraction of total width)
    horizontal_flip=True)  # randomly flip images
datagen.fit(X_train)
history = model.fit_generator(datagen.flow(X_train, Y_train,
                                           batch_size=batch_size),
                              samples_per_epoch=X_train.shape[0],
                              nb_epoch=nb_epoch,
                              validation_data=(X_test, Y_test))
print('Accuracies', len(history.history['val_acc']))
print('Shape', model.predict(X_test).shape)
print('Weights', model.layers[0].get_weights()[0].shape)
"""

KERAS_2 = """from __future__ import print_function
import keras
from keras.datasets import cifar10
from keras.preprocessing.image import ImageDataGenerator
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Conv2D, MaxPooling2D
import os

batch_size = 32
num_classes = 10
epochs = 100
save_dir = os.path.join(os.getcwd(), 'saved_models')
model_name = 'keras_cifar10_trained_model.h5'

(x_train, y_train), (x_test, y_test) = cifar10.load_data()
y_train = keras.utils.to_categorical(y_train, num_classes)
y_test = keras.utils.to_categorical(y_test, num_classes)

model = Sequential()
model.add(Conv2D(4, (3, 3), padding='same',
                 input_shape=x_train.shape[1:]))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(num_classes))
model.add(Activation('softmax'))

# initiate RMSprop optimizer
opt = keras.optimizers.rmsprop(lr=0.0001, decay=1e-6)

model.compile(loss='categorical_crossentropy',
              optimizer=opt,
              metrics=['accuracy'])
x_train = x_train.astype('float32')
x_test = x_test.astype('float32')
x_train /= 255
x_test /= 255

datagen = ImageDataGenerator(
    featurewise_center=False,  # set input mean to 0 over the dataset
    zca_whitening=False,  # apply ZCA whitening
    height_shift_range=0.1,
    horizontal_flip=True)
datagen.fit(x_train)
model.fit_generator(datagen.flow(x_train, y_train,
                                 batch_size=batch_size),
                    epochs=epochs,
                    validation_data=(x_test, y_test),
                    workers=4)

if not os.path.isdir(save_dir):
    os.makedirs(save_dir)
model_path = os.path.join(save_dir, model_name)
model.save(model_path)
print('Saved trained model at %s ' % model_path)
scores = model.evaluate(x_test, y_test, verbose=1)
print('Test loss:', scores[0])
print('Test accuracy:', scores[1])
print('Shape', model.predict(x_test).shape)
print('Weights', model.layers[0].get_weights()[0].shape)
"""


RUN = """
import runpy
import keras
for name in ("keras_0", "keras_1", "keras_2"):
    print("Script", name)
    keras.config.set_image_data_format("channels_last")  # as in a fresh process
    runpy.run_path(name + ".py", run_name="__main__")
"""
LESSONS = {"keras_0": KERAS_0, "keras_1": KERAS_1, "keras_2": KERAS_2}


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """A folder in which each lesson ran to its end, and what it printed; one process imports Keras for all."""
    folder = tmp_path_factory.mktemp("lessons")
    (folder / "sitecustomize.py").write_text(DATA)
    (folder / "few.py").write_text(FEW)
    (folder / "run.py").write_text("import tellapart\n" + RUN)
    for name, lesson in LESSONS.items():
        (folder / f"{name}_old.py").write_text(lesson)
        result = tellapart.modernize(folder / f"{name}_old.py")
        assert result.remarks == ()
        result.save(folder / f"{name}.py")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    source = os.path.dirname(os.path.dirname(tellapart.__file__))
    paths = {"PYTHONPATH": f"{folder}{os.pathsep}{source}", "KERAS_HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "run.py"],
        cwd=folder,
        env=clean | paths | {"KERAS_MAX_EPOCHS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    parts = done.stdout.split("Script ")[1:]
    return folder, {part.split("\n")[0]: part.splitlines()[1:] for part in parts}


@pytest.mark.parametrize(
    ("lesson", "last"),
    [
        ("keras_0", ["Shape (20, 10)", "Weights (3, 3, 3, 4)"]),
        ("keras_1", ["Accuracies 1", "Shape (20, 10)", "Weights (3, 3, 3, 4)"]),
        ("keras_2", ["Shape (20, 10)", "Weights (3, 3, 3, 4)"]),
    ],
)
def test_the_lesson_trains_and_predicts(lessons, lesson, last):
    lines = lessons[1][lesson]
    assert [line for line in lines if line.startswith(("Accuracies", "Shape", "Weights"))] == last


def test_the_lesson_of_keras_2_scores_and_saves(lessons):
    from tellapart.keras_backend import import_keras

    folder, printed = lessons
    assert any(line.startswith("Test accuracy:") for line in printed["keras_2"])
    saved = import_keras().models.load_model(folder / "saved_models" / "keras_cifar10_trained_model.h5")
    assert saved.predict(np.zeros((1, 32, 32, 3)), verbose=0).shape == (1, 10)
