"""Networks that the benchmarks train, in plain Keras: the same code for every contestant."""

PICTURES = {"tutorial": 32, "resnet20": 32, "mobilenetv2-32": 32, "mobilenetv2-96": 96}
"""Network -> side of its pictures, in pixels."""


def compiled(keras, name, precision):
    """Return the network `name`, compiled; probabilities in float32, as Keras's guide to mixed precision says."""
    keras.config.set_dtype_policy(precision)
    size = PICTURES[name]
    if name == "tutorial":
        model = tutorial(keras)
        rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-6)
        optimizer = keras.optimizers.RMSprop(rate)
    else:
        model = resnet20(keras) if name == "resnet20" else mobilenetv2(keras, size)
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def tutorial(keras):
    """Return the network of the Keras team's examples/cifar10_cnn.py."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, (3, 3), padding="same"),
            layers.Activation("relu"),
            layers.Conv2D(32, (3, 3)),
            layers.Activation("relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Conv2D(64, (3, 3), padding="same"),
            layers.Activation("relu"),
            layers.Conv2D(64, (3, 3)),
            layers.Activation("relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(512),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
            layers.Activation("softmax", dtype="float32"),
        ]
    )


def resnet20(keras):
    """The Keras team's examples/cifar10_resnet.py, version 1 with n = 3 (He et al. 2015, section 4.2)."""
    layers = keras.layers

    def unit(x, filters, strides=1, size=3, relu=True):
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            kernel_initializer="he_normal",
        )(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x) if relu else x

    pictures = keras.Input((32, 32, 3))
    x = unit(layers.Rescaling(1 / 255)(pictures), 16)
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            y = unit(unit(x, filters, strides), filters, relu=False)
            if strides == 2:
                x = unit(x, filters, strides, size=1, relu=False)
            x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pictures, layers.Dense(10, activation="softmax", dtype="float32")(x))


def mobilenetv2(keras, size):
    """MobileNetV2 (Sandler et al. 2018) of keras.applications, with random weights and ten classes."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Rescaling(1 / 127.5, offset=-1),
            keras.applications.MobileNetV2((size, size, 3), weights=None, include_top=False, pooling="avg"),
            layers.Dense(10, activation="softmax", dtype="float32"),
        ]
    )
