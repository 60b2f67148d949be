"""Models with augmentation and operators in their graph: trained by `tellapart.fit`, they end with Keras's weights."""

import numpy as np
import pytest
from keras_oracle import INDICES, PICTURES, compiled, trained_twice

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower

keras = import_keras()
layers, ops = keras.layers, keras.ops


def augmented():
    """Flips and rotations first, then halves of channels that go their own ways, and attention between pixels."""
    inputs = keras.Input((8, 8, 3))
    x = layers.RandomRotation(0.1)(layers.RandomFlip()(inputs))
    x = layers.Conv2D(8, 3, padding="same", activation=ops.gelu)(x)
    kept, changed = ops.split(x, 2, axis=-1)
    x = ops.concatenate([kept, layers.Conv2D(4, 3, padding="same")(changed)], axis=-1)
    x = ops.reshape(x, (-1, 64, 8))
    x = x + layers.MultiHeadAttention(2, 4)(query=x, value=x)
    return keras.Model(inputs, layers.Dense(3, "softmax")(ops.mean(x, axis=1)))


def test_the_same_seed_gives_the_weights_that_keras_gives():
    """With validation between the epochs, which must not move the seeds of the augmentation."""
    assert all(row.lowered for row in lower(augmented()).report())
    by_keras, ours = trained_twice(
        lambda: compiled(
            augmented(), keras.optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy"
        ),
        PICTURES,
        INDICES,
        batch_size=8,
        epochs=2,
        verbose=0,
        validation_data=(PICTURES, INDICES),
    )
    for theirs, weights in zip(by_keras[0].get_weights(), ours[0].get_weights(), strict=True):
        np.testing.assert_allclose(weights, theirs, rtol=1e-5, atol=1e-6)
    assert ours[1].history["loss"] == pytest.approx(by_keras[1].history["loss"], rel=1e-5)
