# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The tutorial, in today's Keras
#
# The classic Keras CIFAR-10 CNN tutorial, cell by cell: Keras 3 for the network, tellapart for training, evaluation
# and explanation. Install with `pip install -e . matplotlib jupyter`.
#
# It uses the 1,797 small handwritten digits of scikit-learn, so it needs no download and takes about a minute on one
# core. For the tutorial's own pictures, write `"cifar10"` and 32 in the next cell.
#
# *Its source is `docs/tutorial.py`. After a change there, run `python scripts/tutorial_notebook.py`, which runs it too.*

# %% [markdown]
# ## Constants
#
# The tutorial uses 32, 10 classes, 200 epochs and 20 predictions. Here the classes are counted from the data.
#
# `"cifar10"` is downloaded once (or read from `TELLAPART_DATA`); an epoch then has 35 times as many pictures, each four
# times as large.

# %%
data, size = "digits", 16  # or "cifar10", 32
batch_size = 32
epochs = 20
number_of_predictions = 20

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import tellapart  # first: it chooses Keras's torch backend
import keras
from keras import layers

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Load the data
#
# Pictures are numbers from 0 to 255. `load_data` gives them as `keras.datasets` does. The digits have 8 × 8 pixels; the
# network needs at least 14 × 14, so they are enlarged to 16 × 16. A network's pictures also have an axis of colors, one
# for gray.

# %%
(x_train, y_train), (x_test, y_test) = tellapart.load_data(data, size=size)
x_train, x_test = (x.reshape(len(x), size, size, -1) for x in (x_train, x_test))

class_names = tellapart.open_dataset(data).class_names
num_classes = len(class_names)
labels_train, labels_test = y_train.ravel(), y_test.ravel()
y_train, y_test = (keras.utils.to_categorical(y, num_classes) for y in (y_train, y_test))
print("x_train shape:", x_train.shape)
print(len(x_train), "train samples")
print(len(x_test), "test samples")
print("classes:", ", ".join(class_names))


# %% [markdown]
# ## Look at the pictures


# %%
def show(images, titles, colors=None, columns=10):
    """Show pictures in rows, each with its title."""
    rows = -(-len(images) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(columns, 1.35 * rows), squeeze=False)
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(images):
            axis.imshow(images[index].squeeze(), cmap="gray", vmin=0, vmax=255)
            axis.set_title(titles[index], fontsize=8, color=colors[index] if colors else "black")
    plt.tight_layout()
    plt.show()


show(x_train[:20], [class_names[label] for label in labels_train[:20]])

# %% [markdown]
# ## Normalize: inside the model
#
# The tutorial divides its arrays by 255. In a notebook, that cell can be run twice, which makes white nearly black:

# %%
white = np.float32(255)
print("divided once:", round(float(white / 255), 4), " twice:", round(float(white / 255 / 255), 4))

# %% [markdown]
# So a `Rescaling` layer divides inside the model: exactly once, and the saved model takes raw pixels.
#
# ## The network
#
# The tutorial's layers, after `Rescaling`.

# %%
model = keras.Sequential(
    [
        keras.Input(x_train.shape[1:]),
        layers.Rescaling(1 / 255),
        layers.Conv2D(32, (3, 3), padding="same"),
        layers.Activation("relu"),
        layers.Conv2D(32, (3, 3)),
        layers.Activation("relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Dropout(0.25),
        layers.Conv2D(64, (3, 3), padding="same"),
        layers.Activation("relu"),
        layers.Conv2D(64, (3, 3)),
        layers.Activation("relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(512),
        layers.Activation("relu"),
        layers.Dropout(0.5),
        layers.Dense(num_classes),
        layers.Activation("softmax"),
    ]
)
print(f"{model.count_params():,} parameters")

# %% [markdown]
# ## Compile
#
# The tutorial's `RMSprop(lr=0.0001, decay=1e-6)`. `decay` is now a schedule: rate / (1 + decay × steps). The old RMSprop
# divided by √(mean square) + 1e-7; Keras 3 divides by √(mean square + epsilon). `epsilon=1e-14` comes closest: at a
# mean square of 0, both divide by 1e-7.

# %%
rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-6)
optimizer = keras.optimizers.RMSprop(learning_rate=rate, epsilon=1e-14)
model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])

# %% [markdown]
# ## Train
#
# `model.fit(` becomes `tellapart.fit(model, `; all arguments and callbacks stay Keras's. The tutorial scores each epoch
# on the test pictures. Here a tenth of the training pictures is held out for that, and the test pictures are used once,
# at the end.

# %%
history = tellapart.fit(
    model,
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    validation_split=0.1,
    shuffle=True,
    verbose=2,
)

# %% [markdown]
# ## Train with augmentation
#
# With `data_augmentation = True`, its default, the tutorial trains on randomly shifted and mirrored pictures:
#
# ```python
# datagen = ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)
# datagen.fit(x_train)
# model.fit_generator(datagen.flow(x_train, y_train, batch_size=batch_size), epochs=epochs)
# ```
#
# Today a layer before the network shifts them, in training only. Digits are not mirrored, because a mirrored 3 is not
# a 3; for the tutorial's photos, add `layers.RandomFlip("horizontal")` after the shift. This trains a new network of
# the same layers for two epochs.

# %%
augmented = keras.Sequential(
    [
        keras.Input(x_train.shape[1:]),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
        keras.models.clone_model(model),
    ]
)
augmented.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.RMSprop(learning_rate=rate, epsilon=1e-14),
    metrics=["accuracy"],
)
tellapart.fit(augmented, x_train, y_train, batch_size=batch_size, epochs=2, validation_split=0.1, verbose=2)

shifted = augmented.layers[0](x_test[:1].astype("float32"), training=True)
print("Shifted in training:", not np.allclose(keras.ops.convert_to_numpy(shifted), x_test[:1]))

# %% [markdown]
# ## Curves
#
# For the training without augmentation. Dropout is active in training and not in evaluation, so the held-out curve may
# be the better one.

# %%
_, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
    for key, label in ((name, "training"), (f"val_{name}", "held out")):
        axis.plot(range(1, epochs + 1), history.history[key], label=label)
    axis.set(xlabel="epoch", ylabel=name)
    axis.legend()
plt.show()

# %% [markdown]
# ## Evaluate
#
# A test accuracy is an estimate, less certain the fewer pictures there are. The 95% confidence interval says how far
# off it may be.

# %%
from scipy.stats import binomtest

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
low, high = binomtest(round(accuracy * len(x_test)), len(x_test)).proportion_ci(method="wilson")
print(f"Test loss: {loss:.4f}")
print(f"Test accuracy: {accuracy:.4f} (95% interval {low:.4f} to {high:.4f}, n = {len(x_test):,})")

# %% [markdown]
# ## Predictions
#
# The tutorial announces 20 and never makes them. Each prediction is shown with its probability.

# %%
probabilities = model.predict(x_test[:number_of_predictions], verbose=0)
predictions = probabilities.argmax(axis=1)
targets = labels_test[:number_of_predictions]
titles = [
    f"{class_names[prediction]} {probability:.0%}"
    for prediction, probability in zip(predictions, probabilities.max(axis=1), strict=True)
]
colors = ["green" if right else "red" for right in predictions == targets]
show(x_test[:number_of_predictions], titles, colors)
print(f"{(predictions == targets).sum()} of these {number_of_predictions} are right.")

# %% [markdown]
# ## Save and load
#
# The tutorial saves an `.h5` file. Keras 3 still can, but calls the format legacy; its own is `.keras`.

# %%
save_dir = Path("saved_models")
save_dir.mkdir(exist_ok=True)
path = save_dir / "keras_first_cnn_test.keras"
model.save(path)
print("Saved trained model at", path)

loaded = keras.models.load_model(path)
same = np.allclose(loaded.predict(x_test[:20], verbose=0), probabilities[:20], atol=1e-6)
print("The loaded model predicts the same:", same)

# %% [markdown]
# ## The same in one call
#
# `tellapart.train` does all of the above: it splits the pictures, trains, evaluates, shows 20 predictions, saves, and
# writes a report. The recipe `first-cnn` is the tutorial's training **with its augmentation** (shifts by up to a tenth;
# mirroring only where it keeps the class, so not for digits). The recipe `quick` trains the same network with today's
# methods and keeps the epoch that is best on held-out pictures. Its curve grows while it trains.

# %%
trained = tellapart.train(data, recipe="quick", epochs=epochs, batch_size=batch_size)

# %% [markdown]
# The result says how good the network is, and how sure that is. Its report is a page to open in a browser.

# %%
trained

# %% [markdown]
# ## Predict
#
# `predict` takes the trained network and pictures: paths, folders, arrays, PIL images, or a list of them.

# %%
predictions = tellapart.predict(trained, x_test[:8])
predictions

# %%
print(predictions.best)
predictions.table()[0]

# %% [markdown]
# For the tutorial's own training, with augmentation:
# `tellapart.train(data, recipe="first-cnn", epochs=25)`.
#
# ## Explain one picture
#
# Which parts of the picture speak for its prediction, and which for the runner-up? The occlusion map covers one patch
# after another: blue where that hurts the prediction, red where it helps.
#
# `explanation.save("explanation.html")` writes the full page, with every layer and its numbers; `explanation.show()`
# shows it here.

# %%
explanation = tellapart.explain(trained, x_test[0])
explanation

# %%
first, second = explanation.answer.order[:2]
heat = explanation.heat_maps.of(first, second)["occlusion"].values
_, axes = plt.subplots(1, 2, figsize=(5, 2.6))
axes[0].imshow(x_test[0].squeeze(), cmap="gray", vmin=0, vmax=255)
axes[0].set_title(f"a {class_names[labels_test[0]]}", fontsize=9)
most = np.abs(heat).max()
axes[1].imshow(heat, cmap="RdBu", vmin=-most, vmax=most)
axes[1].set_title(f"why {class_names[first]} and not {class_names[second]}", fontsize=9)
for axis in axes:
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Old calls, and today's
#
# The left column is from the tutorial and programs of its time; the right one runs in Keras 3.
#
# | then | today |
# |---|---|
# | `keras.optimizers.rmsprop(lr=0.0001, decay=1e-6)` | `keras.optimizers.RMSprop(learning_rate=keras.optimizers.schedules.InverseTimeDecay(1e-4, 1, 1e-6), epsilon=1e-14)` |
# | `keras.optimizers.RMSprop(lr=0.0001)` | `keras.optimizers.RMSprop(learning_rate=0.0001)` |
# | `keras.optimizers.RMSprop(decay=1e-6)` | `keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-6)` |
# | `model.fit_generator(batches, epochs=1)` | `model.fit(batches, epochs=1)` |
# | `model.evaluate_generator(batches)` | `model.evaluate(batches)` |
# | `model.predict_generator(batches)` | `model.predict(batches)` |
# | `model.predict_classes(x_test)` | `model.predict(x_test).argmax(axis=1)` |
# | `from keras.utils import np_utils` | `from keras.utils import to_categorical` |
# | `keras.utils.np_utils.to_categorical(labels, 10)` | `keras.utils.to_categorical(labels, 10)` |
# | `from keras.preprocessing.image import ImageDataGenerator` | `from keras.layers import RandomFlip, RandomTranslation` |
# | `keras.preprocessing.image.ImageDataGenerator(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True)` | `keras.Sequential([layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"), layers.RandomFlip("horizontal")])` |
# | `datagen.fit(x_train)` | `layers.Normalization().adapt(x_train)` |
# | `layers.Conv2D(32, (3, 3), border_mode="same")` | `layers.Conv2D(32, (3, 3), padding="same")` |
# | `layers.Convolution2D(32, 3, 3, border_mode="same")` | `layers.Conv2D(32, (3, 3), padding="same")` |
# | `from keras.layers.convolutional import Conv2D` | `from keras.layers import Conv2D` |
# | `model.fit(x_train, y_train, nb_epoch=1)` | `model.fit(x_train, y_train, epochs=1)` |
# | `history.history["val_acc"]` | `history.history["val_accuracy"]` |
# | `model.save("model.h5")` | `model.save("model.keras")` |
#
# `Normalization` is needed only if its means and deviations are used; the tutorial's `datagen.fit` computed them for
# options that were off, so there it needs no replacement. `tellapart.fit(model, x_train, y_train)` takes what
# `model.fit` takes.
