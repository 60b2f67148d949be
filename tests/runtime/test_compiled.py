"""Compiled nets: the same numbers, and the net uncompiled where compiling fails.

The compiler itself needs a GPU; here torch's own tracer stands in for it, which compiles nothing but reads
the net as a compiler would.
"""

import numpy as np
import pytest
import torch

from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.whitened_cnn import whitened_cnn
from tellapart.recipes.build import build_model, build_step
from tellapart.recipes.recipes import fast
from tellapart.runtime.compiled import CompiledNet, compile_on_gpu
from tellapart.training.loader import DataLoader

import_keras()
IMAGES = torch.randint(0, 256, (4, 16, 16, 3), generator=torch.Generator().manual_seed(0)).float()


def net():
    return lower(whitened_cnn((16, 16, 3), 3, (4, 6, 8)))


def test_the_fast_recipes_net_is_one_graph_to_a_compiler():
    plain = net()
    assert torch._dynamo.explain(lambda x: plain(x, training=True))(IMAGES).graph_break_count == 0


def test_compiled_it_gives_the_same():
    plain = net()
    compiled = CompiledNet(plain, backend="aot_eager", mode=None)
    torch.testing.assert_close(compiled(IMAGES, training=False), plain(IMAGES, training=False))


def test_where_compiling_fails_it_warns_once_and_runs_uncompiled():
    def broken(graph, inputs):
        raise RuntimeError("no compiler here")

    plain = net()
    compiled = CompiledNet(plain, backend=broken, mode=None)
    with pytest.warns(UserWarning, match=r"runs uncompiled, more slowly: .*no compiler here"):
        first = compiled(IMAGES, training=False)
    torch.testing.assert_close(first, plain(IMAGES, training=False))
    torch.testing.assert_close(compiled(IMAGES, training=False), first)


@pytest.mark.skipif(torch.cuda.is_available(), reason="Keras puts the weights on the GPU")
def test_on_a_cpu_the_net_stays_uncompiled():
    plain = net()
    assert compile_on_gpu(plain) is plain


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_the_steps_of_fast_learn_in_parts_and_move_batch_statistics():
    config = fast().changed(widths=(4, 6, 8), batch_size=64, statistics_over=16, precision="float32")
    images = IMAGES.repeat(64, 1, 1, 1).byte().numpy()
    store = ImageStore(images, np.arange(len(images)) % 3, tuple(map(str, range(len(images)))))
    model = build_model(config, (16, 16, 3), 3, 4, images)
    step = build_step(config, lower(model, "float32"), 4)
    loader = DataLoader(
        store, 3, BatchSampler(n=256, batch_size=64, seed=0), config.augmentation, step.net.device
    )
    before = [variable.numpy().copy() for variable in model.variables]
    losses = [float(step(*loader.batch(0, number)).loss) for number in range(4)]
    assert np.isfinite(losses).all()
    changed = {
        variable.path
        for variable, old in zip(model.variables, before, strict=True)
        if not np.array_equal(variable.numpy(), old)
    }
    assert any("moving_mean" in path for path in changed)
    assert any("kernel" in path for path in changed)
    assert isinstance(step.run, CompiledNet)
    assert step.run._call is not step.net  # no fallback


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_on_a_gpu_a_compiled_step_gives_what_the_plain_one_gives():
    with torch.device("cuda"):
        plain = net()
    compiled = compile_on_gpu(plain)
    assert isinstance(compiled, CompiledNet)
    images = IMAGES.cuda()
    torch.testing.assert_close(
        compiled(images, training=False), plain(images, training=False), atol=1e-4, rtol=1e-3
    )
