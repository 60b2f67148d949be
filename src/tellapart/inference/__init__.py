"""From a picture to probabilities. Knows nothing of training."""
