"""Predictions by the million: files in, one file out; kill it at any moment, and the same command goes on."""
