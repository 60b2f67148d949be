"""Run folders: the files that a training leaves behind, and how they are read back."""
