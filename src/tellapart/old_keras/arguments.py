"""Arguments that Keras 1 and 2 had: what each is called today, by the callable that takes it.

A callable is named as it is today. Rules that need more than a new name (a kernel given as three numbers, a decaying
learning rate) are functions of `layer_calls.py` and `optimizer_calls.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tellapart.keras_internals import LEGACY_IMAGE


@dataclass(frozen=True, slots=True)
class Arguments:
    """What became of the arguments of one callable."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """Old keyword -> today's, with the same values."""

    dropped: frozenset[str] = frozenset()
    """Keywords that may go: what they asked for is the rule today, or has no meaning any more."""

    gone: Mapping[str, str] = field(default_factory=dict)
    """Keyword -> what to write instead, where that needs a decision."""

    since_keras_1: frozenset[str] = frozenset()
    """Keywords that only Keras 1 had: a script with one is older than Keras 2."""


_WEIGHTS = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
_FORMAT = {"dim_ordering": "data_format"}
_PLACES = {"border_mode": "padding", **_FORMAT}
_CONVOLUTION = {
    **_WEIGHTS,
    **_PLACES,
    "nb_filter": "filters",
    "subsample": "strides",
    "filter_length": "kernel_size",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "depthwise_init": "depthwise_initializer",
    "pointwise_init": "pointwise_initializer",
}
_RECURRENT = {
    **_WEIGHTS,
    "output_dim": "units",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
_WEIGHTS_GIVEN = {"weights": "Call layer.set_weights(...) once the layer is built."}


def _of(renamed: Mapping[str, str], dropped: str = "", **gone: str) -> Arguments:
    return Arguments(
        renamed=renamed,
        dropped=frozenset(dropped.split()),
        gone=gone,
        since_keras_1=frozenset(renamed) - _ALSO_KERAS_2,
    )


_ALSO_KERAS_2 = {"lr", "l", "epsilon", "alpha"}
"""Old keywords that Keras 2 had too."""

_CONV = _of(_CONVOLUTION, **_WEIGHTS_GIVEN)
_POOL = _of(
    {
        **_PLACES,
        "poolsize": "pool_size",
        "pool_length": "pool_size",
        "stride": "strides",
        "subsample": "strides",
    },
    "ignore_border",
)
_RNN = _of(_RECURRENT, "consume_less", forget_bias_init="Write unit_forget_bias=True.")
_RATE = _of({"p": "rate"})
_OPTIMIZER = _of({"lr": "learning_rate"}, "schedule_decay")

ARGUMENTS: dict[str, Arguments] = {
    "keras.layers.Dense": _of({**_WEIGHTS, "output_dim": "units"}, **_WEIGHTS_GIVEN),
    **{f"keras.layers.Conv{n}D": _CONV for n in (1, 2, 3)},
    **{f"keras.layers.Conv{n}DTranspose": _CONV for n in (1, 2, 3)},
    "keras.layers.SeparableConv2D": _CONV,
    "keras.layers.DepthwiseConv2D": _CONV,
    **{f"keras.layers.{kind}Pooling{n}D": _POOL for kind in ("Max", "Average") for n in (1, 2, 3)},
    **{f"keras.layers.Global{kind}Pooling{n}D": _POOL for kind in ("Max", "Average") for n in (1, 2, 3)},
    **{f"keras.layers.{kind}{n}D": _of(_FORMAT) for kind in ("ZeroPadding", "Cropping") for n in (1, 2, 3)},
    "keras.layers.UpSampling1D": _of({"length": "size"}),
    "keras.layers.UpSampling2D": _of(_FORMAT),
    "keras.layers.UpSampling3D": _of(_FORMAT),
    "keras.layers.Dropout": _RATE,
    "keras.layers.GaussianDropout": _RATE,
    "keras.layers.SpatialDropout1D": _RATE,
    **{f"keras.layers.SpatialDropout{n}D": _of({"p": "rate", **_FORMAT}) for n in (2, 3)},
    "keras.layers.GaussianNoise": _of({"sigma": "stddev"}),
    "keras.layers.Reshape": _of({"dims": "target_shape"}),
    "keras.layers.LeakyReLU": _of({"alpha": "negative_slope"}),
    "keras.layers.PReLU": _of({"init": "alpha_initializer"}, **_WEIGHTS_GIVEN),
    "keras.layers.BatchNormalization": _of(
        {
            "gamma_init": "gamma_initializer",
            "beta_init": "beta_initializer",
            "init": "gamma_initializer",
        },
        **_WEIGHTS_GIVEN,
    ),
    "keras.layers.Embedding": _of(
        {
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
        "input_length",
        dropout="Put a SpatialDropout1D layer after it.",
    ),
    **{f"keras.layers.{name}": _RNN for name in ("SimpleRNN", "LSTM", "GRU", "ConvLSTM2D")},
    "keras.layers.concatenate": _of({"concat_axis": "axis"}),
    "keras.models.Model": _of({"input": "inputs", "output": "outputs"}),
    "keras.Model": _of({"input": "inputs", "output": "outputs"}),
    **{
        f"keras.optimizers.{name}": _OPTIMIZER
        for name in ("SGD", "RMSprop", "Adam", "Adagrad", "Adadelta", "Adamax", "Nadam")
    },
    **{f"keras.regularizers.{name}": _of({"l": name.lower()}) for name in ("L1", "L2", "l1", "l2")},
    **{f"keras.constraints.{name}": _of({"m": "max_value"}) for name in ("MaxNorm", "max_norm")},
    "keras.callbacks.ReduceLROnPlateau": _of({"epsilon": "min_delta"}),
    "keras.callbacks.ModelCheckpoint": _of({}, "", period="Write save_freq='epoch' or a number of batches."),
    "keras.callbacks.TensorBoard": _of({}, "write_grads batch_size embeddings_layer_names embeddings_data"),
    "keras.random.normal": _of({"std": "stddev"}, "dtype"),
    "keras.random.uniform": _of({"low": "minval", "high": "maxval"}),
    "keras.utils.plot_model": _of({}, "recursive"),
    f"{LEGACY_IMAGE}.ImageDataGenerator": _of({"dim_ordering": "data_format"}),
}
"""Today's name of a callable -> what became of its arguments."""

VALUES = {
    "data_format": {"th": "channels_first", "tf": "channels_last"},
    **{
        f"{what}_initializer": {
            "normal": "random_normal",
            "uniform": "random_uniform",
            "zero": "zeros",
            "one": "ones",
        }
        for what in ("kernel", "bias", "recurrent", "embeddings", "gamma", "beta")
    },
}
"""Today's keyword -> old value -> today's."""
