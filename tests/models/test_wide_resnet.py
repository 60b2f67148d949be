"""The wide residual network: its size as published, and every layer lowered."""

import numpy as np
import pytest

from tellapart.errors import ConfigError
from tellapart.lowering import lower
from tellapart.models.wide_resnet import wide_resnet


def test_wrn_28_10_has_as_many_parameters_as_published():
    model = wide_resnet((32, 32, 3), 10, (160, 320, 640), 4)
    assert round(sum(np.prod(weight.shape) for weight in model.trainable_weights) / 1e6, 1) == 36.5


def test_it_runs_lowered_throughout():
    model = wide_resnet((16, 16, 1), 3, (4, 8, 12), 2)
    net = lower(model)
    assert all(layer.lowered for layer in net.report())
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1)).astype("float32")
    answers = model.predict(images, verbose=0)
    np.testing.assert_allclose(answers.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(("shape", "classes"), [((13, 32, 3), 10), ((32, 32, 3), 1)])
def test_what_it_cannot_tell_apart_is_refused(shape, classes):
    with pytest.raises(ConfigError, match="at least"):
        wide_resnet(shape, classes, (4, 8, 12), 1)
