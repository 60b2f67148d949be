"""Layers opened: for one number that a layer gives, everything that it was made of."""
