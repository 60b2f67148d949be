"""Methods of models that Keras 1 and 2 had, and their arguments: what to write today.

`model_calls.py` rewrites calls by this, `unknown_arguments.py` answers a removed argument of `tellapart.fit` by it.
"""

from dataclasses import dataclass, field

from tellapart.keras_internals import LEGACY_IMAGE

RENAMED_ARGUMENTS = {"nb_epoch": "epochs", "nb_worker": "workers", "max_q_size": "max_queue_size"}
"""Keyword of `fit` and its relatives -> today's."""

SAMPLES = {
    "samples_per_epoch": "steps_per_epoch",
    "nb_val_samples": "validation_steps",
    "val_samples": "steps",
}
"""Keyword that counted pictures -> today's, which counts batches."""

LOADING = frozenset(
    {"workers", "nb_worker", "use_multiprocessing", "pickle_safe", "max_queue_size", "max_q_size"}
)
"""Keywords about how batches are fetched: today a matter of the data, not of the training."""

_LOADING_ADVICE = (
    "Drop it: it changes no result, and today it is set on the data: keras.utils.PyDataset(workers=...)."
)

ADVICE: dict[str, str] = {
    "nb_epoch": "Write epochs=.",
    **{
        name: f"Write {today}=, in batches: the number of pictures divided by the batch size."
        for name, today in SAMPLES.items()
    },
    **dict.fromkeys(sorted(LOADING), _LOADING_ADVICE),
    "show_accuracy": "Write metrics=['accuracy'] in model.compile.",
    "class_mode": "Drop it: the loss decides this.",
    "generator": "Write x=.",
}
"""Removed argument of `fit` -> what to write."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method of models that has another name today, or other arguments."""

    today: str
    """Name of the method today."""

    keras_1: tuple[str, ...] = ()
    """Positional parameters after the first in Keras 1."""

    keras_2: tuple[str, ...] = ()
    """Positional parameters after the first in Keras 2."""

    dropped: frozenset[str] = field(default_factory=frozenset)
    """Keywords that may go."""


_FETCHING = ("max_queue_size", "workers", "use_multiprocessing")
_FIT_1 = (
    "samples_per_epoch",
    "nb_epoch",
    "verbose",
    "callbacks",
    "validation_data",
    "nb_val_samples",
    "class_weight",
)
_FIT_2 = (
    "steps_per_epoch",
    "epochs",
    "verbose",
    "callbacks",
    "validation_data",
    "validation_steps",
    "class_weight",
)

METHODS: dict[str, Method] = {
    "fit": Method("fit", dropped=LOADING | {"show_accuracy"}),
    "evaluate": Method("evaluate", dropped=LOADING | {"show_accuracy"}),
    "predict": Method("predict", dropped=LOADING),
    "fit_generator": Method(
        "fit", (*_FIT_1, *_FETCHING), (*_FIT_2, *_FETCHING, "shuffle", "initial_epoch"), LOADING
    ),
    "evaluate_generator": Method(
        "evaluate", ("val_samples", *_FETCHING), ("steps", "callbacks", *_FETCHING, "verbose"), LOADING
    ),
    "predict_generator": Method(
        "predict", ("val_samples", *_FETCHING), ("steps", "callbacks", *_FETCHING, "verbose"), LOADING
    ),
    "predict_proba": Method("predict"),
    "predict_classes": Method("predict"),
    "train": Method("train_on_batch", dropped=frozenset({"accuracy"})),
    "test": Method("test_on_batch", dropped=frozenset({"accuracy"})),
    "compile": Method("compile", dropped=frozenset({"class_mode"})),
    "to_yaml": Method("to_json"),
    "load_weights": Method("load_weights"),
}
"""Method of a model in Keras 0 to 2 -> what it is today."""

ONLY_OF_MODELS = frozenset(METHODS) - {
    "fit",
    "evaluate",
    "predict",
    "predict_proba",
    "train",
    "test",
    "compile",
    "to_yaml",
    "load_weights",
}
"""Methods that nothing but a Keras model has: what they are called on is one."""

INSTEAD: dict[str, str] = {
    "fit": "tellapart.fit(model, ...)",
    "fit_generator": "tellapart.fit(model, generator, steps_per_epoch=..., epochs=...)",
    "evaluate_generator": "model.evaluate(generator, steps=...)",
    "predict_generator": "model.predict(generator, steps=...)",
    "predict_classes": "model.predict(x).argmax(axis=-1)",
    "predict_proba": "model.predict(x)",
    "ImageDataGenerator": (
        f"from {LEGACY_IMAGE} import ImageDataGenerator, or layers such as keras.layers.RandomFlip"
    ),
    "np_utils": "keras.utils.to_categorical",
    "to_categorical": "keras.utils.to_categorical",
    "rmsprop": "keras.optimizers.RMSprop(learning_rate=...)",
}
"""Old name that somebody may look for in `tellapart` -> what to write."""
