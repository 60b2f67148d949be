"""Search spaces: which settings of each recipe `tune` searches, and over which range.

A range is written as on the command line (`tellapart tune --space NAME=RANGE`): LOW..HIGH, with :log where factors
count and not differences, or options between commas. x0.1..x10 are multiples of the recipe's own value, which depends
on the number of pictures. Every range holds that value, so that the untuned recipe is a point of its space.

Names are keywords of `train`, or dotted fields as in `--set`. Left out is what changes how long a training takes, such
as epochs and the network's width: the best score would otherwise be that of the longest training.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_KERAS: Final = {
    "learning_rate": "x0.1..x10:log",
    "batch_size": "16..128:log",
    "weight_decay": "0..0.1",
    "label_smoothing": "0..0.2",
    "augmentation.rotation_range": "0..15",
}
"""Of the tutorial's network: one of Keras's optimizers, batches of 32."""

_MUON: Final = {
    "learning_rate": "x0.25..x4:log",
    "optimizer.momentum": "0.3..0.9",
    "weight_decay": "x0.1..x10:log",
    "label_smoothing": "0..0.4",
}
"""Of the networks that Muon trains; the rates of biases and head change with the learning rate."""

SPACES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "first-cnn": _KERAS,
        "quick": {**_KERAS, "optimizer.warmup_fraction": "0..0.3"},
        "fast": {**_MUON, "augmentation.cutout": "0..12"},
        "accurate": {**_MUON, "augmentation.cutout": "0..16"},
        "photos-from-scratch": {**_MUON, "augmentation.cutout": "0..48"},
        "best": {
            "learning_rate": "x0.1..x10:log",
            "weight_decay": "x0.1..x10:log",
            "batch_size": "64..256:log",
            "label_smoothing": "0..0.2",
            "mixing": "none,mixup,cutmix,ricap",
        },
        "transfer": {
            "learning_rate": "x0.1..x10:log",
            "batch_size": "16..64:log",
            "weight_decay": "0..0.1",
            "label_smoothing": "0..0.2",
            "fine_tuning.stage_factor": "0.4..1",
        },
    }
)
"""Recipe -> setting -> range. Those of `transfer` are of fine-tuning, which keeps the frozen network where that is
better on held-out images, so that whether to fine-tune need not be searched."""
