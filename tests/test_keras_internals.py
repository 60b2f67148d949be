"""Each private name of Keras that we use, held against the installed Keras; and no other file may use one."""

import ast
import importlib
import inspect
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from tellapart import keras_internals as internals
from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers

SOURCE = Path(internals.__file__).parent


def small_network():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="convolution")(inputs)
    x = layers.GlobalAveragePooling2D(name="pooling")(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax", name="dense")(x))


def images(count=6):
    return np.random.default_rng(0).normal(size=(count, 8, 8, 3)).astype("float32")


def fitted(**options):
    """A compiled network after two steps."""
    model = small_network()
    model.compile(**{"optimizer": "adam", "loss": "categorical_crossentropy", **options})
    model.fit(images(), np.eye(2, dtype="float32")[[0, 1] * 3], batch_size=3, epochs=1, verbose=0)
    return model


# Callbacks


def test_a_backup_that_only_reads_writes_nothing(tmp_path):
    model, backup = fitted(), keras.callbacks.BackupAndRestore(tmp_path / "backup")
    internals.only_reads(backup)
    backup.set_model(model)
    backup.on_train_begin()
    backup.on_epoch_end(0)
    backup.on_train_end()
    assert not list(tmp_path.rglob("*.h5"))


# Classes


def test_keras_classes_are_told_from_a_users_subclasses():
    class Dense(layers.Dense):
        pass

    assert internals.is_keras_class(layers.Dense)
    assert internals.is_keras_class(layers.Dense, "Dense")
    assert not internals.is_keras_class(layers.Dense, "Conv2D")
    assert not internals.is_keras_class(Dense)
    assert internals.is_keras_class(keras.optimizers.SGD, "SGD")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (internals.LEGACY_IMAGE, "ImageDataGenerator"),
        (internals.LEGACY_TEXT, "Tokenizer"),
        (internals.LEGACY_SEQUENCE, "TimeseriesGenerator"),
    ],
)
def test_what_keras_3_keeps_of_old_preprocessing_is_there(module, name):
    kind = getattr(importlib.import_module(module), name)
    assert internals.is_keras_class(kind, name)


def test_a_method_of_ones_own_is_told_from_keras_s():
    class Own(layers.Dense):
        def call(self, inputs):
            return inputs

    assert internals.is_keras_attribute(layers.Dense(2), "call")
    assert internals.is_keras_attribute(Own(2), "build")
    assert internals.is_keras_attribute(Own(2), "no_such_name")
    assert not internals.is_keras_attribute(Own(2), "call")
    assert internals.is_as_keras_made_it(layers.Dense(2))
    assert not internals.is_as_keras_made_it(Own(2))
    layer = layers.Dense(2)
    layer.call = layers.Dense(3).call  # Keras's code, but another layer's
    assert not internals.is_keras_attribute(layer, "call")
    assert not internals.is_as_keras_made_it(layer)


def test_hooks_are_seen_where_torch_keeps_them():
    layer, weight = layers.Dense(2), torch.ones(3, requires_grad=True)
    assert not any(internals.tables_of_hooks(layer))
    assert not internals.tables_of_hooks(keras.losses.MeanSquaredError())
    assert not internals.has_gradient_hooks(weight)
    handles = [
        layer.register_forward_hook(print),
        torch.nn.modules.module.register_module_forward_hook(print),
    ]
    assert sum(map(len, internals.tables_of_hooks(layer))) == 2
    for handle in handles:
        handle.remove()
    assert not any(internals.tables_of_hooks(layer))
    handle = weight.register_hook(print)
    assert internals.has_gradient_hooks(weight)
    handle.remove()
    assert not internals.has_gradient_hooks(weight)
    weight.register_post_accumulate_grad_hook(print)
    assert internals.has_gradient_hooks(weight)


def test_all_that_trains_is_a_trainer():
    assert issubclass(keras.Model, internals.trainer_class(keras))
    assert not issubclass(layers.Dense, internals.trainer_class(keras))


def test_the_part_of_a_layer_that_draws():
    attention = layers.MultiHeadAttention(2, 3, dropout=0.1)
    attention.build((None, 4, 5), (None, 4, 5))
    assert type(internals.random_layer_in(attention)) is layers.Dropout
    dropout = layers.Dropout(0.1)
    assert internals.random_layer_in(dropout) is dropout
    assert internals.drops_by_torch(dropout)
    assert internals.drops_by_torch(layers.Dropout(0.0))
    assert not internals.drops_by_torch(layers.Dropout(0.1, seed=1))
    assert not internals.drops_by_torch(layers.Dropout(0.1, noise_shape=(None, 1)))


def test_the_tensor_of_a_variable():
    dense = layers.Dense(2)
    dense.build((None, 3))
    assert internals.tensor_of(dense.kernel) is dense.kernel.value


def test_the_losses_of_a_compiled_model():
    model = fitted()
    assert type(internals.container_of_losses(model)).__name__ == "CompileLoss"
    loss = keras.losses.CategoricalCrossentropy()
    assert internals.function_of_loss(loss) is keras.losses.categorical_crossentropy


def test_operators_are_told_from_layers():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(2)(inputs) + 1)
    kinds = {type(operation).__name__: type(operation) for operation in model.operations}
    assert internals.is_keras_operator(kinds["Add"])
    assert not internals.is_keras_operator(kinds["Dense"])


def test_downloads_are_kept_where_keras_keeps_them(tmp_path, monkeypatch):
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models/file.txt").write_text("here already")
    file = keras.utils.get_file("file.txt", "http://127.0.0.1:9/", cache_subdir="models")
    assert file == f"{internals.keras_home(keras)}/models/file.txt"


# Models and their graphs


def test_a_sequential_model_runs_a_functional_one_once_it_is_built():
    unbuilt = keras.Sequential([layers.Dense(2)])
    assert internals.functional_inside(unbuilt) is None
    built = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    functional = internals.functional_inside(built)
    assert isinstance(functional, keras.Model)
    assert functional.operations[-1] is built.layers[0]


def test_nodes_by_depth_list_every_call_with_the_outputs_at_depth_zero():
    inputs = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    model = keras.Model(inputs, layers.Add(name="sum")([shared(shared(inputs)), inputs]))
    by_depth = internals.nodes_by_depth(model)
    calls = {depth: [node.operation.name for node in nodes] for depth, nodes in by_depth.items()}
    assert calls == {0: ["sum"], 1: ["shared"], 2: ["shared"], 3: [model.layers[0].name]}
    (first,) = by_depth[2]
    assert [id(tensor) for tensor in first.input_tensors] == [id(inputs)]
    assert first.arguments.args == (inputs,)
    assert by_depth[3][0].is_input


def test_nested_layers_are_a_layer_and_all_within_it():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(2, name="inner")])
    wrapper = keras.Sequential([keras.Input((4,)), inner])
    names = [layer.name for layer in internals.nested_layers(wrapper)]
    assert {wrapper.name, inner.name, "inner"} <= set(names)
    dense = layers.Dense(2)
    assert list(internals.nested_layers(dense)) == [dense]


def test_standardized_inputs_are_a_flat_list_in_the_order_of_the_symbolic_inputs():
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    model = keras.Model({"right": right, "left": left}, layers.Concatenate()([left, right]))
    given = {"left": torch.zeros(1, 2), "right": torch.ones(1, 3)}
    flat = internals.standardized_inputs(model, given)
    assert [tuple(tensor.shape) for tensor in flat] == [(1, *tensor.shape[1:]) for tensor in model.inputs]
    assert sorted(tuple(tensor.shape) for tensor in flat) == [(1, 2), (1, 3)]


def test_a_models_call_takes_training_or_does_not():
    class WithTraining(keras.Model):
        def call(self, x, training=False):
            return x

    class Without(keras.Model):
        def call(self, x):
            return x

    assert internals.model_takes_training(WithTraining())
    assert not internals.model_takes_training(Without())


def test_a_layer_passes_training_on_to_its_parts_and_an_operator_does_not():
    class Wrapper(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dropout = layers.Dropout(0.5)

        def call(self, x):
            return self.dropout(x)

    inputs = keras.Input((100,))
    model = keras.Model(inputs, Wrapper()(inputs) + 1)
    _, wrapper, operator = model.operations
    assert internals.passes_training_on(wrapper)
    assert (wrapper(torch.ones(1, 100), training=True) == 0).any()
    assert not internals.passes_training_on(operator)


def test_losses_of_all_layers_are_kept_within_one_call_of_a_model():
    first, second = layers.ActivityRegularization(l2=1.0), layers.ActivityRegularization(l2=1.0)
    model = keras.Sequential([keras.Input((2,)), first, second])
    x = torch.ones(1, 2)
    with internals.one_call_of(model):
        second(first(x))
    assert [float(loss) for loss in model.losses] == [2.0, 2.0]
    with internals.one_call_of(model):  # a new call begins with no losses
        first(x)
    assert [float(loss) for loss in model.losses] == [2.0]


def test_a_masking_layer_leaves_a_mask_on_its_output():
    x = torch.zeros(1, 3, 2)
    assert internals.has_mask(layers.Masking()(x))
    assert not internals.has_mask(layers.ReLU()(x))


# Compiled models


def test_the_loss_is_the_one_that_keras_reports():
    model, targets = fitted(), np.eye(2, dtype="float32")[[0, 1] * 3]
    x, y = torch.from_numpy(images()), torch.from_numpy(targets)

    def loss(count, weights=None):
        with torch.no_grad():
            output = model(x[:count])
            return float(internals.compute_loss(model, x[:count], y[:count], output, weights, training=False))

    assert loss(6) == pytest.approx(model.evaluate(images(), targets, verbose=0), rel=1e-5)
    assert loss(6, torch.tensor([2.0, 0, 0, 0, 0, 0])) == pytest.approx(2 * loss(1) / 6, rel=1e-5)


@pytest.mark.parametrize("weights", [None, [2.0]])
def test_loss_weights_are_seen(weights):
    assert internals.has_loss_weights(fitted(loss_weights=weights)) == (weights is not None)


def test_the_loss_tracker_is_the_metric_named_loss():
    tracker = internals.loss_tracker(fitted())
    assert tracker.name == "loss"
    assert tracker.result() > 0


def test_single_losses_have_metrics_where_there_are_several():
    assert internals.metrics_of_losses(small_network()) == []
    assert list(internals.metrics_of_losses(fitted())) == []
    inputs = keras.Input((4,))
    outputs = {"left": layers.Dense(1, name="left")(inputs), "right": layers.Dense(1, name="right")(inputs)}
    model = keras.Model(inputs, outputs)
    model.compile(loss={"left": "mse", "right": "mae"})
    zeros = {"left": np.zeros((2, 1)), "right": np.zeros((2, 1))}
    model.fit(np.ones((2, 4)), zeros, verbose=0)
    assert len(internals.metrics_of_losses(model)) == 2


def test_the_metrics_of_compile_stand_in_one_container():
    assert internals.compiled_metrics(fitted()) is None
    compiled = internals.compiled_metrics(fitted(metrics=["accuracy"]))
    assert not internals.has_weighted_metrics(compiled)
    (metric,) = compiled.metrics
    assert internals.function_of_metric(metric) is keras.metrics.categorical_accuracy
    weighted = internals.compiled_metrics(fitted(weighted_metrics=["accuracy"]))
    assert internals.has_weighted_metrics(weighted)


# Optimizers


def test_variables_of_another_model_are_refused():
    model = fitted()
    internals.refuse_unknown_variables(model.optimizer, model.trainable_variables)
    with pytest.raises(ValueError, match=r"[Uu]nknown variable"):
        internals.refuse_unknown_variables(model.optimizer, small_network().trainable_variables)


@pytest.mark.parametrize("name", ["Adam", "RMSprop"])
def test_the_index_of_a_variable_is_that_of_its_moments(name):
    options = {"momentum": 0.9} if name == "RMSprop" else {}
    optimizer = getattr(keras.optimizers, name)(**options)
    model = fitted(optimizer=optimizer)
    variables = model.trainable_variables
    indices = [internals.index_in(optimizer, variable) for variable in variables]
    assert indices == list(range(len(variables)))
    moments = {
        "momentum": internals.first_moments(optimizer),
        "velocity": internals.second_moments(optimizer),
    }
    for kind, variables_of_kind in moments.items():
        for index, variable in zip(indices, variables, strict=True):
            moment = variables_of_kind[index]
            assert moment.shape == variable.shape
            assert kind in moment.path
            assert np.any(np.asarray(moment) != 0)
    assert all(np.all(np.asarray(velocity) >= 0) for velocity in moments["velocity"])


def test_adams_second_moments_are_those_of_squared_gradients():
    """After one step from zero: the gradient's square times 1 - beta_2."""
    variable = keras.Variable(np.ones(3, "float32"))
    optimizer = keras.optimizers.Adam(beta_1=0.9, beta_2=0.75)
    optimizer.build([variable])
    optimizer.apply([torch.tensor([1.0, 2.0, -4.0])])
    (first,), (second,) = internals.first_moments(optimizer), internals.second_moments(optimizer)
    np.testing.assert_allclose(first, [0.1, 0.2, -0.4], rtol=1e-6)
    np.testing.assert_allclose(second, [0.25, 1.0, 4.0], rtol=1e-6)


def test_weight_decay_can_leave_a_variable_out():
    model = small_network()
    optimizer = keras.optimizers.AdamW(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(model.trainable_variables)
    by_name = {variable.path: internals.decays(optimizer, variable) for variable in model.trainable_variables}
    assert by_name["convolution/kernel"]
    assert not by_name["convolution/bias"]


def test_the_steps_taken_are_counted():
    model = fitted()
    assert int(internals.steps_taken(model.optimizer)) == 2


def test_steps_are_an_optimizers_own_within_a_loss_scaling_one():
    inner = keras.optimizers.SGD()
    outer = keras.optimizers.LossScaleOptimizer(inner)
    outer.build(small_network().trainable_variables)
    assert internals.steps_taken(inner) is not internals.steps_taken(outer)


def test_the_current_rate_is_the_schedules_value_at_the_next_step():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=1, decay_rate=0.5)
    model = fitted(optimizer=keras.optimizers.SGD(schedule))
    assert internals.rate_setting(model.optimizer) is schedule
    assert float(internals.current_rate(model.optimizer)) == pytest.approx(float(schedule(2))) == 0.125


def test_a_constant_rate_is_a_variable():
    optimizer = keras.optimizers.SGD(0.25)
    assert float(internals.current_rate(optimizer)) == 0.25
    setting = internals.rate_setting(optimizer)
    setting.assign(0.5)
    assert float(internals.current_rate(optimizer)) == 0.5


def test_saved_graphs_of_layers_are_told_from_subclassed_models(tmp_path):
    import json
    import zipfile

    @keras.saving.register_keras_serializable()
    class Own(keras.Model):
        pass

    images = keras.Input((4, 4, 1))
    outputs = keras.layers.Flatten()(images)
    models = {
        "sequential": keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()]),
        "functional": keras.Model(images, outputs),
        "own": Own(images, outputs),
    }
    found = {}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
        with zipfile.ZipFile(tmp_path / f"{name}.keras") as archive:
            found[name] = internals.is_graph_of_layers(json.loads(archive.read("config.json")))
    assert found == {"sequential": True, "functional": True, "own": False}


def test_calls_are_those_of_the_graph_whatever_the_kind_of_model():
    sequential = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(name="flat"), layers.Dense(2, name="dense")]
    )
    for model in (small_network(), sequential):
        names = {call.operation.name for call in internals.calls_of(model)}
        assert {layer.name for layer in model.layers} <= names
        assert "dense" in names
    assert internals.calls_of(layers.Dense(2)) == []


def test_a_model_is_built_from_another_configuration_than_its_files(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu", name="dense")])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        config = file.attrs["model_config"].replace('"activation": "relu"', '"activation": "tanh"')
    loaded = internals.load_hdf5_model(keras, tmp_path / "model.h5", config, None)
    assert loaded.layers[0].activation is keras.activations.tanh
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_keras_says_when_it_traces_shapes():
    seen = []

    class Watching(layers.Layer):
        def call(self, x):
            seen.append(internals.is_tracing_shapes(keras))
            return x

    layer = Watching()
    layer(keras.Input((4,)))
    layer(np.zeros((1, 4), "float32"))
    assert (seen[0], seen[-1]) == (True, False)


def test_compiled_parts_are_built_without_a_step():
    model = small_network()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    before = model.get_weights()
    internals.build_compiled_parts(model, images(2), np.eye(2, dtype="float32"))
    assert model.optimizer.built
    assert model.metrics[1].metrics[0].name == "accuracy"
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_metrics_are_those_that_were_given():
    model = small_network()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    assert internals.metrics_as_given(model._compile_metrics) == ["accuracy"]


def test_every_function_is_tested_here():
    functions = {name for name, _ in inspect.getmembers(internals, inspect.isfunction) if name[0] != "_"}
    functions -= {"contextmanager"}
    used = {
        node.attr
        for node in ast.walk(ast.parse(Path(__file__).read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert functions - used == set()


# No other file


def private_names_in(text):
    """The private names that a source text uses of objects which are not its own, as "line: expression".

    Its own are those of `self` and `cls`, and names that the text itself assigns or defines. Those of torch, os and
    atexit are allowed, and the two public methods of named tuples that begin with an underscore.
    """
    tree = ast.parse(text)
    own = {"_asdict", "_replace"} | {name for node in ast.walk(tree) for name in _names_bound_by(node)}
    uses = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            is_own = ast.unparse(node.value) in ("self", "cls") or node.attr in own
            if not is_own and _root_of(node) not in ("torch", "os", "atexit"):
                uses.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("attr"):
            names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if any(isinstance(name, str) and _is_private(name) for name in names):
                uses.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom | ast.Import):
            modules = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if any(module.startswith("keras.src") for module in modules):
                uses.append(f"{node.lineno}: {ast.unparse(node)}")
    return uses + _strings_with_keras_src(tree)


def _names_bound_by(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return [node.attr] if ast.unparse(node.value) in ("self", "cls") else []
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def _is_private(name):
    return name.startswith("_") and not name.startswith("__")


def _root_of(node):
    """`a` for `a.b(c).d[e]`; None where it begins with something other than a name."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _strings_with_keras_src(tree):
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    return [
        f"{node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if "keras.src" in node.value and id(node) not in comments
    ]


OF_OPTUNA = "stored._trial_id"
"""Optuna has no public way to a running trial whose process has ended."""

FILES = {str(path.relative_to(SOURCE)): path for path in sorted(SOURCE.rglob("*.py"))}


@pytest.mark.parametrize("name", sorted(FILES.keys() - {"keras_internals.py"}))
def test_no_other_file_uses_a_private_name(name):
    uses = [use for use in private_names_in(FILES[name].read_text()) if OF_OPTUNA not in use]
    assert uses == [], "put it behind a function of keras_internals.py"


@pytest.mark.parametrize(
    "text",
    [
        "model._functional",
        "self.model._functional",
        "model.layers[0]._flatten_layers()",
        "getattr(model, '_functional', None)",
        "kind.__module__.startswith('keras.src.')",
        "from keras.src.models import functional",
        "import keras.src.layers",
        "functional()._nodes_by_depth",
    ],
)
def test_a_private_name_is_noticed(text):
    assert len(private_names_in(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "self._cache = {}\nself._cache",
        "torch._foreach_add_(a, b)\ntorch.ops.mkldnn._reorder(a)",
        "gain._asdict()",
        "def __init__(self):\n    self._threads = 1\ndef start(pool):\n    pool._threads",
        "def f():\n    '''Source: keras.src.layers.'''",
    ],
)
def test_names_of_our_own_and_of_torch_are_allowed(text):
    assert private_names_in(text) == []


def test_a_model_is_written_into_an_open_h5_file(tmp_path):
    model = fitted()
    with h5py.File(tmp_path / "net.h5", "w") as file:
        internals.write_model_to_h5(model, file)
    again = keras.saving.load_model(tmp_path / "net.h5")
    np.testing.assert_array_equal(again.predict(images(), verbose=0), model.predict(images(), verbose=0))
    assert again.optimizer is not None
