"""A training with a number of minutes: measured, planned and forecast before its first step."""
