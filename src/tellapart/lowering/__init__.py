"""Lowering: run a Keras model as a plain torch module that shares its weights.

Start at `net.py`; the rule of each kind of layer is in `ops/`. Knows nothing of training.
"""

from tellapart.lowering.net import LoweredNet, lower

__all__ = ["LoweredNet", "lower"]
