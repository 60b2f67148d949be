"""Named augmentation policies, with their papers: crops, colors, and chains of operations.

`registry` lists them; `operations` holds what the learned ones choose from.
"""
