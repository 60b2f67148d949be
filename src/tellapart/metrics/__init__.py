"""Scores, calibration and validation, in NumPy alone."""
