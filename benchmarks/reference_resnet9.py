"""The reference for "CIFAR-10 to 94%": the published record's network and method in plain PyTorch, on the CPU.

Keller Jordan's airbench94_muon (2024; MIT license), which runs on an A100, rewritten as plainly as PyTorch
allows: bfloat16 weights and images, channels_last, batch normalization in float32, Muon on the
filters, widths 64/256/256, batches of 2000, 8 epochs, six test-time views. Nothing is tuned for the CPU
beyond that, and nothing of tellapart is imported.

    python benchmarks/reference_resnet9.py CIFAR_FOLDER [--epochs 8] [--seed 0] [--steps N]

CIFAR_FOLDER holds the six `.bin` files of the binary version. Prints one JSON line.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BATCH = 2000


class BatchNorm(nn.BatchNorm2d):
    def __init__(self, channels):
        super().__init__(channels, eps=1e-12, momentum=0.4)
        self.weight.requires_grad = False


class Convolution(nn.Conv2d):
    def __init__(self, channels_in, channels_out):
        super().__init__(channels_in, channels_out, 3, padding="same", bias=False)
        nn.init.dirac_(self.weight.data[:channels_in])


class Group(nn.Module):
    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv1, self.norm1 = Convolution(channels_in, channels_out), BatchNorm(channels_out)
        self.conv2, self.norm2 = Convolution(channels_out, channels_out), BatchNorm(channels_out)

    def forward(self, x):
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Net(nn.Module):
    def __init__(self, widths=(64, 256, 256)):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        nn.init.zeros_(self.whiten.bias)
        self.whiten.weight.requires_grad = False
        self.groups = nn.Sequential(*[Group(*pair) for pair in zip((24, *widths), widths, strict=False)])
        self.head = nn.Linear(widths[-1], 10, bias=False)
        self.head.weight.data /= self.head.weight.data.std()
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.bfloat16()
        self.to(memory_format=torch.channels_last)

    def forward(self, x, whiten_bias_learns=True):
        bias = self.whiten.bias if whiten_bias_learns else self.whiten.bias.detach()
        x = self.groups(F.gelu(F.conv2d(x, self.whiten.weight, bias)))
        x = F.max_pool2d(x, 3).flatten(1)
        return self.head(x) / x.shape[1]

    def init_whiten(self, images):
        patches = F.unfold(images.float(), 2).transpose(1, 2).reshape(-1, 12)
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        scaled = (vectors / (values + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.whiten.weight.data[:] = torch.cat([scaled, -scaled])


def orthogonal(gradient, steps=3):
    """Newton-Schulz, as in Muon (Jordan et al. 2024)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, filters, lr, momentum):
        super().__init__(filters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p.grad))
                buffer.mul_(group["momentum"]).add_(p.grad)
                gradient = p.grad.add(buffer, alpha=group["momentum"])
                p.mul_(len(p) ** 0.5 / p.norm())
                p.add_(orthogonal(gradient.reshape(len(p), -1)).view(p.shape), alpha=-group["lr"])


def load(folder, name):
    rows = np.concatenate([np.fromfile(path, np.uint8) for path in sorted(Path(folder).glob(name))])
    rows = rows.reshape(-1, 3073)
    images = torch.from_numpy(rows[:, 1:].reshape(-1, 3, 32, 32).copy()).float().div_(255)
    images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    images = images.bfloat16().contiguous(memory_format=torch.channels_last)
    return images, torch.from_numpy(rows[:, 0].astype(np.int64))


def crops(padded, size=32, reach=2):
    shifts = torch.randint(-reach, reach + 1, (len(padded), 2))
    out = torch.empty(len(padded), 3, size, size, dtype=padded.dtype).contiguous(
        memory_format=torch.channels_last
    )
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            mask = (shifts[:, 0] == dy) & (shifts[:, 1] == dx)
            out[mask] = padded[mask, :, reach + dy : reach + dy + size, reach + dx : reach + dx + size]
    return out


def epochs_of(images, labels):
    flipped = torch.where((torch.rand(len(images)) < 0.5).view(-1, 1, 1, 1), images.flip(-1), images)
    padded, epoch = F.pad(flipped, (2,) * 4, "reflect"), 0
    while True:
        moved = crops(padded)
        moved = moved.flip(-1) if epoch % 2 else moved
        order = torch.randperm(len(moved))
        for start in range(0, len(moved) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            yield moved[rows], labels[rows]
        epoch += 1


@torch.no_grad()
def views(net, images, how_many):
    def mirrored(x):
        return 0.5 * net(x) + 0.5 * net(x.flip(-1))

    if how_many == 1:
        return net(images)
    padded = F.pad(images, (1,) * 4, "reflect")
    moved = [padded[:, :, 0:32, 0:32], padded[:, :, 2:34, 2:34]]
    return 0.5 * mirrored(images) + 0.25 * sum(mirrored(x) for x in moved)


def accuracy(net, images, labels, how_many):
    net.eval()
    logits = torch.cat([views(net, part, how_many) for part in images.split(BATCH)])
    return float((logits.argmax(1) == labels).float().mean())


def train(folder, epochs, seed, steps=None):
    """One run; seconds include reading the data, training and the final evaluation with six views."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    images, labels = load(folder, "data_batch_*.bin")
    test_images, test_labels = load(folder, "test_batch.bin")
    per_epoch = len(images) // BATCH
    total, whiten_steps = math.ceil(epochs * per_epoch), math.ceil(3 * per_epoch)
    net = Net()
    net.init_whiten(images[:5000])
    decay = 2e-6 * BATCH
    biases = [p for name, p in net.named_parameters() if "norm" in name and p.requires_grad]
    groups = [([net.whiten.bias], 0.053), (biases, 0.053), ([net.head.weight], 0.67)]
    sgd = torch.optim.SGD(
        [{"params": params, "lr": lr, "weight_decay": decay / lr} for params, lr in groups],
        momentum=0.85,
        nesterov=True,
    )
    muon = Muon([p for p in net.parameters() if p.ndim == 4 and p.requires_grad], 0.24, 0.6)
    highest = [group["lr"] for group in sgd.param_groups]
    times, net = [], net.train()
    for step, (x, y) in enumerate(epochs_of(images, labels)):
        if step >= (total if steps is None else steps):
            break
        tick = time.perf_counter()
        loss = F.cross_entropy(net(x, step < whiten_steps), y, label_smoothing=0.2, reduction="sum")
        loss.backward()
        left = 1 - step / total
        for index, (group, lr) in enumerate(zip(sgd.param_groups, highest, strict=True)):
            group["lr"] = lr * (max(0.0, 1 - step / whiten_steps) if index == 0 else left)
        muon.param_groups[0]["lr"] = 0.24 * left
        sgd.step()
        muon.step()
        net.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - tick)
    results = {"seed": seed, "epochs": epochs, "step_seconds": sorted(times)[len(times) // 2]}
    if steps is None:
        results["accuracy"] = accuracy(net, test_images, test_labels, 1)
        plain = time.perf_counter()
        results["accuracy_six_views"] = accuracy(net, test_images, test_labels, 6)
        results["seconds"] = time.perf_counter() - began
        results["seconds_of_six_views"] = time.perf_counter() - plain
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop after so many, without a score: to time a step")
    options = parser.parse_args()
    print(json.dumps(train(options.folder, options.epochs, options.seed, options.steps)), flush=True)
