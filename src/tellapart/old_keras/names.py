"""Names that Keras 1 and 2 had: where each is today.

Names are written in full, from `keras`. `tensorflow.keras` is the same Keras, see `ROOTS`. A name that Keras 3 still
has is not listed: `installed.py` looks it up.

Knows nothing of how a script spells a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tellapart.keras_internals import LEGACY_IMAGE, LEGACY_SEQUENCE, LEGACY_TEXT

ROOTS = (
    "tensorflow.compat.v1.keras",
    "tensorflow.compat.v2.keras",
    "tensorflow.contrib.keras.api.keras",
    "tensorflow.contrib.keras.python.keras",
    "tensorflow.contrib.keras",
    "tensorflow.python.keras.api.keras",
    "tensorflow.python.keras",
    "tensorflow.keras",
)
"""Where TensorFlow kept Keras."""

MODULES = {
    **{
        f"keras.layers.{name}": "keras.layers"
        for name in (
            *("core", "convolutional", "pooling", "normalization", "advanced_activations", "recurrent"),
            *("embeddings", "merge", "noise", "wrappers", "local", "convolutional_recurrent"),
            *("cudnn_recurrent", "experimental.preprocessing"),
        )
    },
    "keras.engine.topology": "keras.layers",
    "keras.engine.base_layer": "keras.layers",
    "keras.engine.input_layer": "keras.layers",
    "keras.engine.training": "keras.models",
    "keras.engine.network": "keras.models",
    "keras.engine": "keras.layers",
    "keras.utils.np_utils": "keras.utils",
    "keras.utils.generic_utils": "keras.utils",
    "keras.utils.data_utils": "keras.utils",
    "keras.utils.vis_utils": "keras.utils",
    "keras.utils.layer_utils": "keras.utils",
    "keras.utils.io_utils": "keras.utils",
    "keras.utils.visualize_util": "keras.utils",
    "keras.utils.training_utils": "keras.utils",
    "keras.objectives": "keras.losses",
    "keras.initializations": "keras.initializers",
    "keras.preprocessing.image": LEGACY_IMAGE,
    "keras.preprocessing.text": LEGACY_TEXT,
    "keras.preprocessing.sequence": LEGACY_SEQUENCE,
    "keras.optimizers.legacy": "keras.optimizers",
}
"""Old module -> the module that holds its names today."""

_LAYERS = {
    **{f"AtrousConvolution{n}D": f"Conv{n}D" for n in (1, 2)},
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"Deconvolution{n}D": f"Conv{n}DTranspose" for n in (2, 3)},
    "SeparableConvolution2D": "SeparableConv2D",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "TimeDistributedDense": "Dense",
}

_OPTIMIZERS = {
    name.lower(): name for name in ("SGD", "RMSprop", "Adam", "Adagrad", "Adadelta", "Adamax", "Nadam")
}

_OPS = {
    **{
        name: name
        for name in (
            *(
                "abs",
                "all",
                "any",
                "argmax",
                "argmin",
                "cast",
                "clip",
                "concatenate",
                "cos",
                "cumprod",
                "cumsum",
            ),
            *(
                "dot",
                "elu",
                "equal",
                "exp",
                "expand_dims",
                "greater",
                "greater_equal",
                "hard_sigmoid",
                "less",
            ),
            *(
                "less_equal",
                "log",
                "max",
                "maximum",
                "mean",
                "min",
                "minimum",
                "not_equal",
                "one_hot",
                "ones",
            ),
            *("ones_like", "prod", "relu", "reshape", "round", "shape", "sigmoid", "sign", "sin", "softmax"),
            *(
                "softplus",
                "softsign",
                "sqrt",
                "square",
                "squeeze",
                "stack",
                "std",
                "stop_gradient",
                "sum",
                "tanh",
            ),
            *("tile", "transpose", "var", "zeros", "zeros_like"),
            *("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
        )
    },
    "permute_dimensions": "transpose",
    "pow": "power",
    "repeat_elements": "repeat",
    "switch": "where",
    "constant": "convert_to_tensor",
    "eval": "convert_to_numpy",
    "get_value": "convert_to_numpy",
}

NAMES = {
    **{f"keras.layers.{old}": f"keras.layers.{new}" for old, new in _LAYERS.items() if old != new},
    **{f"keras.optimizers.{old}": f"keras.optimizers.{new}" for old, new in _OPTIMIZERS.items()},
    **{f"keras.backend.{old}": f"keras.ops.{new}" for old, new in _OPS.items()},
    "keras.backend.random_normal": "keras.random.normal",
    "keras.backend.random_uniform": "keras.random.uniform",
    "keras.backend.truncated_normal": "keras.random.truncated_normal",
    "keras.backend.variable": "keras.Variable",
    "keras.backend.set_image_dim_ordering": "keras.backend.set_image_data_format",
    "keras.backend.image_dim_ordering": "keras.backend.image_data_format",
    "keras.layers.Model": "keras.Model",
    "keras.models.Input": "keras.Input",
    "keras.constraints.maxnorm": "keras.constraints.MaxNorm",
    "keras.constraints.nonneg": "keras.constraints.NonNeg",
    "keras.constraints.unitnorm": "keras.constraints.UnitNorm",
    "keras.constraints.unit_norm": "keras.constraints.UnitNorm",
    "keras.regularizers.activity_l2": "keras.regularizers.L2",
    "keras.regularizers.activity_l1": "keras.regularizers.L1",
    "keras.regularizers.l1l2": "keras.regularizers.L1L2",
    "keras.initializers.normal": "keras.initializers.RandomNormal",
    "keras.initializers.uniform": "keras.initializers.RandomUniform",
    "keras.initializers.zero": "keras.initializers.Zeros",
    "keras.initializers.one": "keras.initializers.Ones",
    "keras.losses.mse": "keras.losses.mean_squared_error",
    "keras.losses.MSE": "keras.losses.mean_squared_error",
    "keras.losses.mae": "keras.losses.mean_absolute_error",
    "keras.losses.cosine_proximity": "keras.losses.cosine_similarity",
    "keras.losses.kullback_leibler_divergence": "keras.losses.kl_divergence",
    "keras.utils.plot": "keras.utils.plot_model",
    "keras.applications.mobilenet.DepthwiseConv2D": "keras.layers.DepthwiseConv2D",
    "keras.applications.mobilenet.relu6": "keras.activations.relu6",
    "keras.preprocessing.sequence.pad_sequences": "keras.utils.pad_sequences",
    **{
        f"keras.preprocessing.image.{name}": f"keras.utils.{name}"
        for name in ("array_to_img", "img_to_array")
    },
    **{f"keras.preprocessing.image.{name}": f"keras.utils.{name}" for name in ("load_img", "save_img")},
    "keras.preprocessing.image_dataset_from_directory": "keras.utils.image_dataset_from_directory",
    "tensorflow.set_random_seed": "keras.utils.set_random_seed",
    "tensorflow.random.set_seed": "keras.utils.set_random_seed",
    "tensorflow.random.set_random_seed": "keras.utils.set_random_seed",
    "tensorflow.compat.v1.set_random_seed": "keras.utils.set_random_seed",
}
"""Old name -> today's, with the same meaning."""


@dataclass(frozen=True, slots=True)
class Gone:
    """A name without an equal today."""

    advice: str
    """What to write instead."""


_SCIKIT_LEARN = (
    "Write keras.wrappers.{}(model=lambda X, y: build(), fit_kwargs={{'epochs': 3, ...}}): what went to fit goes "
    "into fit_kwargs."
)
_ONE_HOT = (
    " It trains on classes as one-hot rows, so compile with categorical_crossentropy and one output a class."
)

GONE: dict[str, Gone] = {
    "keras.wrappers.scikit_learn.KerasClassifier": Gone(_SCIKIT_LEARN.format("SKLearnClassifier") + _ONE_HOT),
    "keras.wrappers.scikit_learn.KerasRegressor": Gone(_SCIKIT_LEARN.format("SKLearnRegressor")),
    "keras.layers.Merge": Gone(
        "Build the model with keras.Model and keras.layers.concatenate, add or multiply."
    ),
    "keras.layers.MaxoutDense": Gone("Write Dense(units * pieces), Reshape((units, pieces)) and a maximum."),
    "keras.layers.Highway": Gone("Write the gate with two Dense layers."),
    "keras.layers.ThresholdedReLU": Gone("Write a Lambda layer: x * keras.ops.cast(x > theta, x.dtype)."),
    "keras.layers.LocallyConnected1D": Gone(
        "Keras 3 has no locally connected layers. The closest is Conv1D."
    ),
    "keras.layers.LocallyConnected2D": Gone(
        "Keras 3 has no locally connected layers. The closest is Conv2D."
    ),
    "keras.layers.ActivityRegularization": Gone(
        "Pass activity_regularizer=keras.regularizers.L1L2(...) to a layer."
    ),
    "keras.models.Graph": Gone("Build the model with keras.Input and keras.Model."),
    "keras.models.model_from_yaml": Gone(
        "Save with model.to_json() and load with keras.models.model_from_json."
    ),
    "keras.utils.multi_gpu_model": Gone("Train on one device."),
    "keras.utils.HDF5Matrix": Gone("Read the file with h5py: h5py.File(path)[name]."),
    "keras.utils.print_summary": Gone("Call model.summary()."),
    "keras.optimizers.TFOptimizer": Gone("Use an optimizer of keras.optimizers."),
    "keras.backend.function": Gone("Write keras.Model(inputs, outputs) and call it."),
    "keras.backend.gradients": Gone(
        "On the PyTorch backend: call the model within torch.enable_grad() and use torch.autograd.grad."
    ),
    "keras.backend.learning_phase": Gone(
        "Pass training=True or False when the model or the layer is called."
    ),
    "keras.backend.set_learning_phase": Gone("Pass training=True or False when the model is called."),
    "keras.backend.get_session": Gone("There are no sessions: call the model."),
    "keras.backend.set_session": Gone("There are no sessions: drop the line."),
    "keras.backend.tensorflow_backend": Gone("There are no sessions, and the backend is PyTorch."),
    "keras.backend.placeholder": Gone("Write keras.Input(shape=...)."),
    "keras.backend.update": Gone("Write variable.assign(value)."),
    "keras.backend.batch_dot": Gone("Write keras.ops.einsum, or keras.layers.dot."),
    "keras.backend.l2_normalize": Gone("Write keras.ops.normalize(x, axis=...)."),
    "keras.backend.in_train_phase": Gone("Branch on the layer's argument training."),
    "keras.backend.resize_images": Gone("Write keras.ops.image.resize or keras.layers.UpSampling2D."),
    "keras.backend.ctc_batch_cost": Gone("Write keras.ops.ctc_loss."),
    "keras.backend.ctc_decode": Gone("Write keras.ops.ctc_decode."),
    "keras.backend.manual_variable_initialization": Gone("Drop the line."),
}

TEMPLATES = {
    "keras.backend.int_shape": "{0}.shape",
    "keras.backend.ndim": "len({0}.shape)",
    "keras.backend.flatten": "keras.ops.reshape({0}, (-1,))",
    "keras.backend.batch_flatten": "keras.ops.reshape({0}, ({0}.shape[0], -1))",
    "keras.backend.set_value": "{0}.assign({1})",
}
"""Old function -> an expression of its positional arguments."""


def from_keras(name: str) -> str | None:
    """Return a full name as `keras` had it; None for a name of another package."""
    for root in ROOTS:
        if name == root or name.startswith(root + "."):
            return "keras" + name[len(root) :]
    return name if name == "keras" or name.startswith("keras.") or name in NAMES else None


def today_of(name: str) -> str | Gone:
    """Return today's full name of an old one, or why there is none; a name that did not change is returned as it is."""
    if name in NAMES:
        return NAMES[name]
    if name in GONE:
        return GONE[name]
    if name in MODULES:
        return MODULES[name]
    module = next((parent for parent in _parents(name) if parent in MODULES), None)
    return name if module is None else today_of(MODULES[module] + name[len(module) :])


def _parents(name: str) -> Iterator[str]:
    """Yield the modules above a name, the longest first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
