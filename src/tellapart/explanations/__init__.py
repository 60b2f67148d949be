"""What a network sees: its run over a picture opened up, and why it answered so. Knows nothing of training."""
