"""One process of `processes.py`: trains a network for some steps, alone or with others of its team.

    python benchmarks/processes_worker.py weights OUT            # ResNet-20 by tellapart.fit, 50 steps; weights to OUT
    python benchmarks/processes_worker.py steps NETWORK BATCH N  # prints the median seconds of a step
    torchrun --standalone --nproc-per-node 2 benchmarks/processes_worker.py ...

NETWORK is resnet20 (tellapart.fit), fast (the recipe), or peer: ResNet-20 in plain PyTorch under Accelerate, which this
runs in an environment that has it.
"""

import os
import statistics
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
os.environ.setdefault("KERAS_BACKEND", "torch")
RANK = int(os.environ.get("RANK", 0))
STEPS, GLOBAL_BATCH = 50, 128
WARM_UP = 3


def pictures(n):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (n, 32, 32, 3), np.uint8), random.integers(0, 10, n)


def weights(out):
    """Train ResNet-20 on real pictures, as a script would; save its weights."""
    import keras
    import torch
    from networks import compiled

    import tellapart

    torch.set_num_threads(1)
    keras.utils.set_random_seed(0)
    split = tellapart.load_data(os.path.join(os.environ["TELLAPART_DATA"], "cifar-10-batches-bin")).splits[
        "train"
    ]
    x = np.stack([split.images[row] for row in range(STEPS * GLOBAL_BATCH)]).astype("float32")
    y = np.eye(10, dtype="float32")[split.labels[: len(x)]]
    model = compiled(keras, "resnet20", "float32")
    tellapart.fit(model, x, y, batch_size=GLOBAL_BATCH, epochs=1, verbose=0)
    if RANK == 0:
        np.savez(out, *[weight.numpy() for weight in model.weights])


def steps(network, batch, count):
    """Print the median seconds of a step, measured in the first process."""
    seconds = {"resnet20": by_fit, "fast": by_recipe, "peer": by_peer}[network](int(batch), int(count))
    if RANK == 0:
        print("seconds", statistics.median(seconds[WARM_UP:]))


def by_fit(batch, count):
    import keras
    import torch
    from networks import compiled

    import tellapart

    torch.set_num_threads(1)
    keras.utils.set_random_seed(0)
    x, labels = pictures(batch * count)
    marks = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
            marks.append(time.perf_counter())

    model = compiled(keras, "resnet20", "float32")
    y = np.eye(10, dtype="float32")[labels]
    tellapart.fit(model, x.astype("float32"), y, batch_size=batch, epochs=1, verbose=0, callbacks=[Clock()])
    return np.diff(marks)


def by_recipe(batch, count):
    import torch

    from tellapart.api.batches import sampler_of
    from tellapart.data.store import ImageStore
    from tellapart.lowering import lower
    from tellapart.recipes.build import build_model, build_step
    from tellapart.recipes.recipes import find_recipe
    from tellapart.runtime.team import team
    from tellapart.training.loader import DataLoader
    from tellapart.training.loop import learn_from
    from tellapart.training.shares import Sharing

    torch.set_num_threads(1)
    config = find_recipe("fast")().changed(batch_size=batch, statistics_over=batch // 2, precision="float32")
    images, labels = pictures(batch * count)
    store = ImageStore(images, labels, [str(row) for row in range(len(images))], [])
    batches = sampler_of(store, config)
    model = build_model(config, (32, 32, 3), 10, batches.steps_per_epoch, images)
    net = lower(model, "float32")
    loader = DataLoader(
        store, 10, batches, config.augmentation, net.device, sharing=Sharing(team(), config.statistics_over)
    )
    step = build_step(config, net, config.epochs * batches.steps_per_epoch, (), team())
    marks = []
    for number in range(count):
        learn_from(step, loader, 0, number)
        marks.append(time.perf_counter())
    return np.diff(marks)


def by_peer(batch, count):
    import torch
    import torch.nn.functional as F
    from accelerate import Accelerator
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)

    def unit(inputs, filters, stride=1, size=3):
        return nn.Sequential(
            nn.Conv2d(inputs, filters, size, stride, padding=size // 2), nn.BatchNorm2d(filters)
        )

    class Block(nn.Module):
        def __init__(self, inputs, filters, stride):
            super().__init__()
            self.first, self.second = unit(inputs, filters, stride), unit(filters, filters)
            self.shortcut = unit(inputs, filters, stride, 1) if stride == 2 else nn.Identity()

        def forward(self, x):
            return F.relu(self.shortcut(x) + self.second(F.relu(self.first(x))))

    blocks, inputs = [], 16
    for filters in (16, 32, 64):
        for index in range(3):
            blocks.append(Block(inputs, filters, 2 if filters > 16 and index == 0 else 1))
            inputs = filters
    net = nn.Sequential(
        unit(3, 16), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)
    )
    accelerator = Accelerator(cpu=True)
    net = net.to(memory_format=torch.channels_last)
    net, optimizer = accelerator.prepare(net, torch.optim.SGD(net.parameters(), 0.01, momentum=0.9))
    x, y = pictures(batch)
    share = batch // accelerator.num_processes
    own = slice(RANK * share, (RANK + 1) * share)
    marks = []
    for _ in range(count):
        inputs = torch.from_numpy(x[own]).permute(0, 3, 1, 2).float() / 255
        loss = F.cross_entropy(
            net(inputs.contiguous(memory_format=torch.channels_last)), torch.from_numpy(y[own])
        )
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
        marks.append(time.perf_counter())
    return np.diff(marks)


if __name__ == "__main__":
    {"weights": weights, "steps": steps}[sys.argv[1]](*sys.argv[2:])
