"""Exports: a classifier in the file formats of other runtimes, each proven on pictures before it is kept."""
