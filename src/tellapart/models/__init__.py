"""Keras architectures, one function each, and where they come from."""
