"""Configurations that ask for more than a machine has, or for code to be run; each as a change of a good model's."""

import copy
import json

from hostile_models import entries, write_entries

CANARY = "canary-that-nobody-may-write"


def layers_of(config):
    return config["config"]["layers"]


def layer(config, name):
    return next(entry for entry in layers_of(config) if entry["config"].get("name") == name)


def _insert(config, kind, place=2, module="keras.layers", **settings):
    """Put a layer behind the first two."""
    given = {"name": f"extra_{len(layers_of(config))}", "trainable": True, "dtype": "float32"} | settings
    new = {"module": module, "class_name": kind, "config": given, "registered_name": None}
    layers_of(config).insert(place, new)


def many_units(config):
    layer(config, "scores")["config"]["units"] = 10**9
    _forget_shapes(config)


def many_filters(config):
    layer(config, "convolution")["config"]["filters"] = 10**8
    _forget_shapes(config)


def large_kernels(config):
    layer(config, "convolution")["config"]["kernel_size"] = [10**5, 10**5]
    layer(config, "convolution")["config"]["padding"] = "same"
    _forget_shapes(config)


def orthogonal(config):
    many_units(config)
    initializer = {"module": "keras.initializers", "class_name": "Orthogonal", "config": {"gain": 1.0}}
    layer(config, "scores")["config"]["kernel_initializer"] = initializer | {"registered_name": None}


def _forget_shapes(config):
    for entry in layers_of(config):
        entry.pop("build_config", None)


def large_images(config):
    shape = [None, 10**6, 10**6, 3]
    for entry in layers_of(config):
        for key in ("batch_shape", "batch_input_shape"):
            if key in entry["config"]:
                entry["config"][key] = shape
    _forget_shapes(config)


def rather_large_images(config):
    """Small enough for each number, and too large in all."""
    for entry in layers_of(config):
        for key in ("batch_shape", "batch_input_shape"):
            if key in entry["config"]:
                entry["config"][key] = [None, 16_000, 16_000, 3]
    _forget_shapes(config)


def resizing(config):
    options = {"interpolation": "bilinear", "crop_to_aspect_ratio": False, "pad_to_aspect_ratio": False}
    more = {"fill_mode": "constant", "fill_value": 0.0, "antialias": False, "data_format": "channels_last"}
    _insert(config, "Resizing", height=10**6, width=10**6, **options, **more)


def resizing_a_bit(config):
    resizing(config)
    layers_of(config)[2]["config"].update(height=20_000, width=20_000)


def upsampling(config):
    for _ in range(20):
        _insert(config, "UpSampling2D", size=[2, 2], data_format="channels_last", interpolation="nearest")


def upsampling_a_bit(config):
    """The map has 70,000 pixels a side."""
    for _ in range(13):
        _insert(config, "UpSampling2D", size=[2, 2], data_format="channels_last", interpolation="nearest")


def zero_padding(config):
    _insert(config, "ZeroPadding2D", padding=[[10**6, 10**6], [10**6, 10**6]], data_format="channels_last")


def zero_padding_a_bit(config):
    _insert(config, "ZeroPadding2D", padding=[[9000, 9000], [9000, 9000]], data_format="channels_last")


def repeating(config):
    _insert(config, "GlobalAveragePooling2D", place=3, data_format="channels_last", keepdims=False)
    _insert(config, "RepeatVector", place=4, n=10**9)
    _insert(config, "Reshape", place=5, target_shape=[1, -1, 4])


def a_layer_in_a_layer(config):
    """Nine hundred wrappers, one in the other."""
    layers_of(config).insert(1, "HERE")
    begin = '{"class_name": "TimeDistributed", "module": "keras.layers", "registered_name": null, "config": {"layer": '
    return json.dumps(config).replace('"HERE"', begin * 900 + "null" + "}}" * 900)


def a_list_in_a_list(config):
    return json.dumps(config).replace('"name"', "[" * 100_000, 1)


def a_number_without_end(config):
    layer(config, "scores")["config"]["units"] = "HERE"
    return json.dumps(config).replace('"HERE"', "9" * 5_000)


def many_layers(config):
    for number in range(100_000):
        layers_of(config).insert(1, {**copy.copy(layers_of(config)[1])})
        layers_of(config)[1] = {
            "module": "keras.layers",
            "class_name": "ReLU",
            "config": {"name": f"r{number}"},
            "registered_name": None,
        }


def models_within_models(config):
    """Each level holds the one below and calls it twice: 2 to the power of 30 calls in a few kilobytes."""
    inner = _twice(None, 0)
    for level in range(1, 30):
        inner = _twice(inner, level)
    layers_of(config).insert(2, inner)


def _twice(inner, level):
    shape = [None, 8, 8, 3]

    def tensor(name, call=0):
        settings = {"shape": shape, "dtype": "float32", "keras_history": [name, call, 0]}
        return {"args": [{"class_name": "__keras_tensor__", "config": settings}], "kwargs": {}}

    begin = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": shape, "dtype": "float32", "sparse": False, "name": f"i{level}"},
        "registered_name": None,
        "name": f"i{level}",
        "inbound_nodes": [],
    }
    if inner is None:
        inner = {
            "module": "keras.layers",
            "class_name": "ReLU",
            "config": {"name": "r"},
            "registered_name": None,
        }
    name = inner["config"]["name"]
    inner = inner | {"name": name, "inbound_nodes": [tensor(f"i{level}"), tensor(name)]}
    settings = {"name": f"m{level}", "trainable": True, "layers": [begin, inner]}
    ends = {"input_layers": [[f"i{level}", 0, 0]], "output_layers": [[name, 1, 0]]}
    return {
        "module": "keras.models",
        "class_name": "Functional",
        "config": settings | ends,
        "registered_name": None,
    }


SIZES = {
    change.__name__: change
    for change in (
        many_units, many_filters, large_kernels, orthogonal, large_images, rather_large_images, resizing,
        resizing_a_bit, upsampling, upsampling_a_bit, zero_padding, zero_padding_a_bit, repeating,
        a_layer_in_a_layer, a_list_in_a_list, a_number_without_end, many_layers, models_within_models,
    )
}  # fmt: skip


def write_attention(path):
    """Each of a photo's 65,536 pixels is compared with each."""
    import keras

    from tellapart.classifier.card import ModelCard
    from tellapart.classifier.model_file import save_keras
    from tellapart.data.preprocess import Preprocessing

    layers = keras.layers
    image = keras.Input((256, 256, 3))
    pixels = layers.Reshape((-1, 3))(image)
    pixels = layers.GlobalAveragePooling1D()(layers.Attention()([pixels, pixels]))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(pixels))
    save_keras(model, path, ModelCard(("cat", "dog"), Preprocessing(height=256, width=256)))
    return path


def write_bomb(good, path, name, size, beginning=b""):
    """Write a copy in which one entry unpacks to `size` bytes of spaces or zeros."""
    contents = entries(good)
    fill = b"\0" if name.endswith((".h5", ".safetensors")) else b" "
    contents[name] = beginning + fill * size
    return write_entries(path, contents)
