"""Lowering: a Keras model as a plain torch module that shares its weights. Knows nothing of training."""

from tellapart.lowering.net import LoweredNet, lower

__all__ = ["LoweredNet", "lower"]
