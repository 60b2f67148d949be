"""Optimizers and learning-rate schedules as plain tensor arithmetic."""
