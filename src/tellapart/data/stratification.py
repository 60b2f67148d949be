"""Stratification of pictures with several labels: every part gets its share of every label.

A label with few pictures is dealt first, because a rare one can be put right by no later picture.

Source: Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data", ECML PKDD (iterative
stratification, algorithm 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def dealt_evenly(
    targets: NDArray[Any], shares: Sequence[float], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Deal pictures to parts.

    Args:
        targets: (N, labels) of 0 and 1.
        shares: of each part; they sum to 1.
        order: (N,) a permutation, in which pictures of a label are dealt.

    Returns:
        (N,) the part of each picture.
    """
    has = targets.astype(bool)
    wanted = np.outer(shares, has.sum(0)).astype(float)
    return _dealt(has, wanted, np.array(shares, float) * len(has), order)


def drawn_evenly(
    targets: NDArray[Any], count: int, order: NDArray[np.int64], keep: int = 1
) -> NDArray[np.int64]:
    """Draw pictures so that each label gives its share, at least one picture if it has more than it keeps.

    Args:
        targets: (N, labels) of 0 and 1.
        count: of pictures to draw; a few more or fewer are, where labels demand it.
        order: (N,) a permutation, in which pictures of a label are dealt.
        keep: pictures that each label keeps, if it has so many.

    Returns:
        (about count,) rows, ascending.
    """
    has = targets.astype(bool)
    sizes = has.sum(0)
    share = min(1.0, count / max(1, len(has)))
    drawn = np.where(sizes > keep, np.maximum(share * sizes, 1.0), 0.0)
    drawn = np.minimum(drawn, np.maximum(sizes - keep, 0))
    wanted = np.stack([drawn, sizes - drawn])
    parts = _dealt(has, wanted, np.array([count, len(has) - count], float), order, keep)
    return np.flatnonzero(parts == 0)


def _dealt(
    has: NDArray[np.bool_],
    wanted: NDArray[np.float64],
    room: NDArray[np.float64],
    order: NDArray[np.int64],
    keep: int = 0,
) -> NDArray[np.int64]:
    """Deal pictures: the rarest label first, each picture to the part that wants most of that label.

    Args:
        has: (N, labels).
        wanted: (parts, labels) pictures; counted down.
        room: (parts,) pictures; counted down.
        order: (N,) a permutation.
        keep: pictures of each label that part 0 leaves to the others, if it has so many.
    """
    parts = np.full(len(has), -1, np.int64)
    left = has.sum(0)  # pictures of each label that part 0 has not taken
    kept = np.minimum(left, keep)
    undealt = left.copy()

    def deal(row: int, ranks: Sequence[NDArray[np.float64]]) -> None:
        ranked = np.lexsort([-rank for rank in reversed(ranks)])
        labels = has[row]
        part = int(ranked[0])
        if part == 0 and keep and bool((left[labels] <= kept[labels]).any()):
            part = int(ranked[1])
        parts[row] = part
        wanted[part, labels] -= 1
        room[part] -= 1
        undealt[labels] -= 1
        if part == 0:
            left[labels] -= 1

    while undealt.any():
        label = int(np.where(undealt > 0, undealt, np.iinfo(np.int64).max).argmin())
        for row in order[has[order, label] & (parts[order] < 0)]:
            deal(int(row), (wanted[:, label], room))
    for row in order[parts[order] < 0]:  # pictures without a label
        deal(int(row), (room,))
    return parts
