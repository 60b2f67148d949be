"""Training: one step, and two loops that call it: ours for recipes, Keras's own for `tellapart.fit`."""
