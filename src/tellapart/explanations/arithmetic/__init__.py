"""Arithmetic: how each layer computes its output, down to the numbers that one value is made of."""
