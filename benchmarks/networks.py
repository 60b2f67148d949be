"""Networks that the benchmarks train, in plain Keras: the same code for every contestant."""

PICTURES = {
    "tutorial": 32, "resnet20": 32, "mobilenetv2-32": 32, "mobilenetv2-96": 96,
    "mobilenetv2-224": 224, "mobilenetv2-224-head": 224,
    "efficientnetb0-224": 224, "efficientnetb0-224-head": 224, "resnet50-224": 224,
}  # fmt: skip
"""Network -> side of its pictures, in pixels. "-head": only the last layer learns, as in transfer learning."""

SCALES = {"MobileNetV2": (1 / 127.5, -1.0), "ResNet50": (1.0, -118.0)}
"""Of keras.applications -> factor and offset of the pixels that it takes; EfficientNet scales them itself."""


def compiled(keras, name, precision):
    """Return the network `name`, compiled; probabilities in float32, as Keras's guide to mixed precision says."""
    keras.config.set_dtype_policy(precision)
    size = PICTURES[name]
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    if name == "tutorial":
        model = tutorial(keras)
        rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-6)
        optimizer = keras.optimizers.RMSprop(rate)
    elif name == "resnet20":
        model = resnet20(keras)
    else:
        kinds = {"mobilenetv2": "MobileNetV2", "efficientnetb0": "EfficientNetB0", "resnet50": "ResNet50"}
        model = transfer(keras, kinds[name.split("-")[0]], size, head_only=name.endswith("-head"))
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


def transfer(keras, kind, size, *, head_only):
    """A network of keras.applications with random weights and ten classes, as Keras's guide to transfer learning.

    Args:
        keras: the module.
        kind: its name in keras.applications.
        size: side of the pictures, in pixels.
        head_only: whether everything but the last layer is frozen, and its batch statistics too.
    """
    layers = keras.layers
    body = getattr(keras.applications, kind)(
        input_shape=(size, size, 3), weights=None, include_top=False, pooling="avg"
    )
    body.trainable = not head_only
    pictures = keras.Input((size, size, 3))
    x = pictures
    if kind in SCALES:
        x = layers.Rescaling(*SCALES[kind])(x)
    x = body(x, training=False) if head_only else body(x)
    return keras.Model(pictures, layers.Dense(10, activation="softmax", dtype="float32")(x))
