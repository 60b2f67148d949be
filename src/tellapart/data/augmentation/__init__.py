"""Augmentation: changes to training batches, as pure functions of tensors.

`settings` says what may happen, `spec` reads and writes it as text; `augmenter` does it, with `shift_flip`, `affine`,
`levels` and the named `policies`; `mix` puts several images together. `standardization` learns what the network's
fixed layers need.
"""
