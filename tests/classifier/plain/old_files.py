"""Model files as earlier versions of Keras wrote them: their layout, put down by h5py after the sources of each.

keras 2.0.4: keras/models.py `save_model`, keras/engine/topology.py `save_weights_to_hdf5_group`. tf.keras 2.4 to 2.15:
tensorflow/python/keras/saving/hdf5_format.py.
"""

import json

import h5py
import numpy as np

ZEROS = {"class_name": "Zeros", "config": {}}
GLOROT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
}
NO_RULES = dict.fromkeys(
    ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint")
)


def conv(name, filters, activation="relu", **more):
    config = {
        "name": name, "trainable": True, "filters": filters, "kernel_size": [3, 3], "strides": [1, 1],
        "padding": "valid", "data_format": "channels_last", "dilation_rate": [1, 1], "activation": activation,
        "use_bias": True, "kernel_initializer": GLOROT, "bias_initializer": ZEROS, **NO_RULES, **more,
    }  # fmt: skip
    return {"class_name": "Conv2D", "config": config}


def depthwise(name, **more):
    config = {
        "name": name, "trainable": True, "dtype": "float32", "kernel_size": [3, 3], "strides": [1, 1],
        "padding": "same", "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1,
        "activation": "linear", "use_bias": False, "bias_initializer": ZEROS, "bias_regularizer": None,
        "activity_regularizer": None, "bias_constraint": None, "depth_multiplier": 1,
        "depthwise_initializer": GLOROT, "depthwise_regularizer": None, "depthwise_constraint": None, **more,
    }  # fmt: skip
    return {"class_name": "DepthwiseConv2D", "config": config}


def batch_normalization(name):
    config = {
        "name": name, "trainable": True, "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True,
        "beta_initializer": ZEROS, "gamma_initializer": {"class_name": "Ones", "config": {}},
        "moving_mean_initializer": ZEROS, "moving_variance_initializer": {"class_name": "Ones", "config": {}},
        "beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None, "gamma_constraint": None,
    }  # fmt: skip
    return {"class_name": "BatchNormalization", "config": config}


def pool(name):
    config = {
        "name": name, "trainable": True, "pool_size": [2, 2], "padding": "valid", "strides": [2, 2],
        "data_format": "channels_last",
    }  # fmt: skip
    return {"class_name": "MaxPooling2D", "config": config}


def flatten(name):
    return {"class_name": "Flatten", "config": {"name": name, "trainable": True}}


def dense(name, units, activation="softmax"):
    config = {
        "name": name, "trainable": True, "units": units, "activation": activation, "use_bias": True,
        "kernel_initializer": GLOROT, "bias_initializer": ZEROS, **NO_RULES,
    }  # fmt: skip
    return {"class_name": "Dense", "config": config}


def image_input(name, shape):
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False, "name": name}
    return {"class_name": "InputLayer", "config": config}


def first(layer, shape):
    """A layer that says what it reads, as the first of a Sequential model did."""
    layer["config"] |= {"batch_input_shape": [None, *shape], "dtype": "float32"}
    return layer


def in_graph(layer, *inputs, **arguments):
    """A layer of a Functional model, with the names of the layers that it reads."""
    node = [[name, 0, 0, arguments] for name in inputs]
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": [node] if node else []}


def graph(name, *layers):
    return {
        "name": name,
        "layers": list(layers),
        "input_layers": [[layers[0]["name"], 0, 0]],
        "output_layers": [[layers[-1]["name"], 0, 0]],
    }


def write(path, config, weights, version, backend="tensorflow"):
    """Write a model file; weights: layer name -> weight name -> array."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version.encode()
        file.attrs["backend"] = backend.encode()
        if config is not None:
            file.attrs["model_config"] = json.dumps(config).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["backend"], group.attrs["keras_version"] = backend.encode(), version.encode()
        for name, arrays in weights.items():
            layer = group.create_group(name)
            layer.attrs["weight_names"] = np.array([each.encode() for each in arrays], dtype="S")
            for each, array in arrays.items():
                layer.create_dataset(each, data=array)
    return path


def drawn(seed, **shapes):
    """Random weights by name, positive where they are variances."""
    random = np.random.default_rng(seed)
    return {name: random.random(shape).astype(np.float32) + 0.1 for name, shape in shapes.items()}
