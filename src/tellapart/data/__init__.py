"""A picture's way from disk to tensor. Knows nothing of models."""
