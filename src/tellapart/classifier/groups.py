"""Groups: everyday things, such as dog or car, that several of a model's classes are kinds of.

A model that tells 118 breeds of dogs apart is often sure of the dog and unsure of the breed. The probability of a
group is the sum of those of its classes, with one correction: see EQUALLY_COMMON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.pages.card import Readable
from tellapart.text import percent, short_name

EQUALLY_COMMON = ("dog", "cat")
"""Groups that are equally common in people's photos, however many classes a model has for each.

Every class of ImageNet has about as many photos, so a network trained on it has seen 24 dogs (118 classes) for each cat
(5 classes), and takes an unclear cat for a dog. Such groups keep their common sum, divided among them in
proportion to the mean, not the sum, of their classes: Bayes' rule with equal priors (Saerens et al. 2002, Neural
Computation 14:21). Of 200 test photos of cats and dogs, means tell 194 apart and sums 184 (benchmarks/first_answer.py).
"""


@dataclass(frozen=True, slots=True)
class Group(Readable):
    """The likeliest group of a prediction."""

    name: str
    probability: float
    class_name: str
    """The likeliest of its classes."""

    class_probability: float
    """As the network gives it; at most `probability`."""

    def _parts(self) -> list[str]:
        kind = f"most likely {short_name(self.class_name)} {percent(self.class_probability)}"
        return [f"{short_name(self.name)} {percent(self.probability)}", kind]

    @property
    def kind(self) -> str:
        """What its likeliest class is called beside the group's name: "kite" for "kite (bird)"."""
        return self.class_name.split(" (")[0]


def likeliest_groups(
    probabilities: NDArray[np.float32], class_names: Sequence[str], groups: Mapping[str, str]
) -> list[Group | None]:
    """Return the likeliest group of each image; None where a class that belongs to no group is likelier.

    Args:
        probabilities: (N, classes), rows summing to 1.
        class_names: in the order of the columns.
        groups: class -> its group; other classes stand for themselves.
    """
    if not groups:
        return [None] * len(probabilities)
    things, members = things_of(class_names, groups)
    by_thing = thing_probabilities(probabilities, things, members)
    likeliest = by_thing.argmax(1)
    return [
        _group(row, class_names, things[thing], members == thing, float(sums[thing]))
        if things[thing] in groups.values()
        else None
        for row, sums, thing in zip(probabilities, by_thing, likeliest, strict=True)
    ]


def things_of(
    class_names: Sequence[str], groups: Mapping[str, str]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the groups and ungrouped classes, in the classes' order; and the index of each class's own."""
    names = [groups.get(name, name) for name in class_names]
    things = tuple(dict.fromkeys(names))
    index = {thing: number for number, thing in enumerate(things)}
    return things, np.array([index[name] for name in names], np.int64)


def thing_probabilities(
    probabilities: NDArray[np.float32], things: Sequence[str], members: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the probability of each group and ungrouped class: (N, classes) -> (N, things), rows summing to 1."""
    sums = np.zeros((len(probabilities), len(things)), np.float32)
    np.add.at(sums.T, members, probabilities.T)
    common = [number for number, thing in enumerate(things) if thing in EQUALLY_COMMON]
    if len(common) > 1:
        means = sums[:, common] / np.bincount(members)[common]  # (N, groups)
        total = means.sum(1, keepdims=True)
        shares = np.divide(means, total, out=np.zeros_like(means), where=total > 0)
        sums[:, common] = sums[:, common].sum(1, keepdims=True) * shares
    return sums


def among(
    probabilities: NDArray[np.float32],
    class_names: Sequence[str],
    groups: Mapping[str, str],
    wanted: Sequence[str],
) -> NDArray[np.float32]:
    """Return the probabilities of some things as if there were no others: (N, classes) -> (N, wanted).

    Args:
        probabilities: (N, classes), all positive.
        class_names: in the order of the columns.
        groups: class -> its group.
        wanted: groups, and classes of none.
    """
    things, members = things_of(class_names, groups)
    columns = [things.index(name) for name in wanted]
    chosen = thing_probabilities(probabilities, things, members)[:, columns]
    return chosen / chosen.sum(1, keepdims=True)


def _group(
    row: NDArray[np.float32],
    class_names: Sequence[str],
    name: str,
    is_member: NDArray[np.bool_],
    probability: float,
) -> Group:
    best = int(np.where(is_member, row, -1).argmax())
    return Group(name, probability, class_names[best], min(float(row[best]), probability))
