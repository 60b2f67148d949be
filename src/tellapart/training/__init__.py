"""Training: one step, two loops around it (ours for recipes, Keras's own for `tellapart.fit`)."""
