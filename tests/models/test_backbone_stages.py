"""Stages of real backbones, and what of them is trained."""

import pytest

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.models.backbones import open_backbone, with_head
from tellapart.models.stages import depths, rate_factors, refuse_missing_stages, train_stages

keras = import_keras()


def lite0():
    return with_head(open_backbone("lite0", 64), 3)


def test_a_stage_ends_where_the_map_is_halved():
    model = lite0()
    by_depth = {}
    for name, depth in depths(model).items():
        by_depth.setdefault(depth, []).append(model.get_layer(name))
    assert [layer.name for layer in by_depth[0]] == ["head"]
    assert sorted(by_depth) == [0, 1, 2, 3, 4, 5, 6]
    for depth in range(1, 6):  # 2, 4, 8, 16, 32 pixels
        sides = {layer.output.shape[1] for layer in by_depth[depth] if len(layer.output.shape) == 4}
        assert sides == {2**depth}


@pytest.mark.parametrize("stages", [1, 3])
def test_the_head_and_the_last_stages_are_trained_and_no_batch_normalization(stages):
    model = lite0()
    train_stages(model, stages)
    trained = {layer.name for layer in model.layers if layer.trainable_variables}
    kernels = {
        name
        for name, depth in depths(model).items()
        if depth <= stages and isinstance(model.get_layer(name), keras.layers.Conv2D | keras.layers.Dense)
    }
    depthwise = {
        name
        for name, depth in depths(model).items()
        if depth <= stages and isinstance(model.get_layer(name), keras.layers.DepthwiseConv2D)
    }
    assert trained == kernels | depthwise
    factors = dict(zip([v.path for v in model.trainable_variables], rate_factors(model, 0.5), strict=True))
    assert factors["head/kernel"] == factors["head/bias"] == 1
    assert set(factors.values()) == {0.5**depth for depth in range(stages + 1)}


def test_squeeze_and_excitation_belongs_to_the_stage_whose_maps_it_weighs():
    features = keras.applications.EfficientNetB0(
        weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3)
    )
    by_name = depths(with_head(features, 2))
    for number in range(1, 8):  # "block7a_se_reduce" beside "block7a_project_conv"
        assert by_name[f"block{number}a_se_reduce"] == by_name[f"block{number}a_project_conv"]
    assert [by_name[f"block{number}a_project_conv"] for number in (7, 6, 5, 4, 3, 2, 1)] == [
        1,
        1,
        2,
        2,
        3,
        4,
        5,
    ]


def test_batch_normalization_within_a_layer_stays_frozen_too():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()], name="inner"
    )
    images = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inner(images))
    model = keras.Model(images, keras.layers.Dense(2, name="head")(pooled))
    train_stages(model, 1)
    assert [v.path.split("/")[-1] for v in model.trainable_variables] == ["kernel", "bias"] * 2
    assert rate_factors(model, 0.25) == [0.25, 0.25, 1, 1]


def test_tokens_of_a_transformer_belong_to_one_stage_above_their_patches():
    images = keras.Input((32, 32, 3))
    patches = keras.layers.Conv2D(8, 16, 16, name="patches")(images)
    tokens = keras.layers.Reshape((4, 8), name="tokens")(patches)
    mixed = keras.layers.Dense(8, name="mixed")(tokens)
    pooled = keras.layers.GlobalAveragePooling1D()(mixed)
    model = keras.Model(images, keras.layers.Dense(2, name="head")(pooled))
    assert depths(model)["mixed"] == depths(model)["tokens"] == 1
    assert depths(model)["patches"] == 1


def test_of_fewer_stages_than_asked_for_all_are_trained():
    images = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(images))
    model = keras.Model(images, keras.layers.Dense(2, name="head")(pooled))
    train_stages(model, 4)
    assert len(model.trainable_variables) == 4
    with pytest.raises(ConfigError, match=r"4 stages .* it has 2"):
        refuse_missing_stages(model, 4)
