"""Operations of a lowered net, one family of layers a file: each operation with the rule that chooses it.

A new pooling layer goes into `pooling.py`, a new convolution into `convolution.py`, and so on: write the
operation, its rule below it, and a line of that file's `RULES`. `base.py` has what operations share, and
`tests/lowering/ops/test_rules.py` holds each rule against Keras.
"""
