"""Which pictures are held out: a pure function of their ids, their labels, a share and a seed.

Each picture's place in the draw is a hash of the seed and its id, so neither the order of the files nor a
renamed folder above them changes who is drawn, and the same seed draws the same pictures everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def draw(ids: Sequence[str], labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Draw `count` pictures so that each class gives its share, and keeps at least one.

    Shares are apportioned by largest remainder: the counts add up exactly, and no class is off by more than
    one, except where it is too small to give.

    Args:
        ids: (N,) unique.
        labels: (N,) class numbers.
        count: pictures to draw. Fewer come back when the classes cannot give that many.
        seed: any whole number.

    Returns:
        (count,) rows, ascending.
    """
    classes, class_sizes = np.unique(labels, return_counts=True)
    quotas = _apportion(class_sizes, count, seed)
    keys = np.array([_key(identifier, seed) for identifier in ids], dtype=np.uint64)
    drawn = []
    for label, quota in zip(classes, quotas, strict=True):
        rows = np.flatnonzero(labels == label)
        drawn.append(rows[np.argsort(keys[rows], kind="stable")[:quota]])
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, np.int64)


def _apportion(class_sizes: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """How many each class gives: proportional, rounded so that the sum is `count`, at most its size - 1."""
    spare = class_sizes - 1
    count = min(count, int(spare.sum()))
    exact = class_sizes * (count / max(int(class_sizes.sum()), 1))
    quotas = np.minimum(np.floor(exact).astype(np.int64), spare)
    # Ties go by a hash, not by the class's place in the alphabet.
    ties = [_key(f"class {number}", seed) for number in range(len(class_sizes))]
    order = sorted(range(len(class_sizes)), key=lambda number: (quotas[number] - exact[number], ties[number]))
    while int(quotas.sum()) < count:
        for number in order:
            if quotas[number] < spare[number] and int(quotas.sum()) < count:
                quotas[number] += 1
    return quotas


def _key(identifier: str, seed: int) -> int:
    return int.from_bytes(
        hashlib.sha256(f"{seed}\0{identifier}".encode("utf-8", "surrogateescape")).digest()[:8], "big"
    )
