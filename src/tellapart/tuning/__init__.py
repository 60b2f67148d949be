"""Tuning: settings searched by trainings that are scored on held-out pictures alone."""
