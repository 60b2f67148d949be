"""A strided 1x1 convolution of few channels leaves the memory around its gradient alone."""

import subprocess
import sys

TRAINING = """
import torch
import tellapart.api
import keras
from tellapart.lowering import lower

layer = keras.layers.Conv2D(8, 1, strides=2, use_bias=False)
model = keras.Sequential([keras.Input((16, 16, 4)), layer])
net, images = lower(model), torch.randn(8, 16, 16, 4)
kept = []
torch.set_num_threads(1)
for size in torch.randint(1, 5000, (300,)).tolist():
    output = net(images, training=True)
    torch.autograd.grad(output, layer.kernel.value, torch.randn_like(output))
    kept = [torch.empty(size), *kept[:5]]
"""


def test_many_gradients_do_not_damage_the_heap():
    ended = subprocess.run([sys.executable, "-c", TRAINING], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-500:]
