"""Stages give what the steps give, whatever the sizes of the maps and however the net branches."""

import numpy as np
import pytest
import torch

from tellapart.inference import stages
from tellapart.inference.folded_net import inference_net
from tellapart.inference.stages import in_stages
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.efficientnet_lite import efficientnet_lite
from tellapart.models.layer_list import keras_model

keras = import_keras()
layers = keras.layers


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Maps of the small images of these tests are divided as those of photos are."""
    monkeypatch.setattr(stages, "BYTES_AT_ONCE", 200_000)


def branching():
    inputs = keras.Input((24, 24, 3))
    x = layers.Conv2D(8, 3, padding="same")(layers.Rescaling(1 / 255)(inputs))
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(layers.Concatenate()([x, y, layers.Conv2D(4, 1)(x)]))
    x = layers.UpSampling2D(2)(layers.Conv2D(4, 3, strides=2)(x))
    return keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


NETS = {
    "a mobile network": lambda: keras_model(efficientnet_lite(0, 40, 5), "lite"),
    "branches": branching,
    "nothing but pooling": lambda: keras.Sequential(
        [keras.Input((20, 20, 3)), layers.AveragePooling2D(2), layers.Flatten()]
    ),
    "dense layers alone": lambda: keras.Sequential(
        [keras.Input((20, 20, 3)), layers.Flatten(), layers.Dense(4)]
    ),
}


def staged(net, model, count=21):
    images = np.random.default_rng(1).integers(0, 256, (count, *model.input_shape[1:])).astype("uint8")
    with torch.inference_mode():
        outputs = net(torch.from_numpy(images))
    (made,) = net._stages.values()
    return images, outputs, made


@pytest.mark.parametrize("name", sorted(NETS))
def test_all_images_together_give_what_keras_gives(name):
    model = NETS[name]()
    net = inference_net(lower(model, "float32"))
    images, outputs, made = staged(net, model)
    with torch.no_grad():
        expected = model(images.astype("float32"), training=False)
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)
    assert [step for stage in made for step in stage.steps] == list(net.body)


def test_later_stages_take_more_images_at_once():
    model = NETS["a mobile network"]()
    _, _, made = staged(inference_net(lower(model, "float32")), model)
    counts = [stage.images for stage in made]
    assert counts == sorted(set(counts))
    assert counts[0] == 1
    assert counts[-1] > 4


def test_the_same_images_give_the_same_bits_again():
    model = NETS["a mobile network"]()
    net = inference_net(lower(model, "float32"))
    images, outputs, _ = staged(net, model)
    with torch.inference_mode():
        torch.testing.assert_close(net(torch.from_numpy(images)), outputs, rtol=0, atol=0)


def test_a_part_holds_as_many_images_as_the_largest_map_allows(monkeypatch):
    model = NETS["a mobile network"]()
    net = inference_net(lower(model, "float32"))
    _, _, made = staged(net, model)
    sizes = stages.measured(net.body, torch.zeros(1, 3, 40, 40), net.entry)
    for stage in made:
        largest = max(sizes[slot] for step in stage.steps for slot in (*step.inputs, step.output))
        assert stage.images == 1 or stage.images * largest <= stages.BYTES_AT_ONCE
    monkeypatch.setattr(stages, "BYTES_AT_ONCE", 1)
    (alone,) = in_stages(net.body, net.entry, net.middle, sizes)
    assert alone.images == 1
