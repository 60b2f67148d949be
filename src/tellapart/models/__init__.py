"""Models: the networks that can be trained, one file each, and trained ones in `pretrained/`.

`networks.NETWORKS` lists them by the names that a configuration gives them.
"""
