"""Training examples: which training images support a prediction, and which count against it."""
