"""Augmentation: changes to training batches, as pure functions of tensors.

`settings` says what may happen, `shift_flip` does it to each image, `mix` puts several images together.
"""
