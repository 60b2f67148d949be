"""Decoded pictures beyond the memory budget: in a file that later trainings reuse, or decoded anew for each batch."""
