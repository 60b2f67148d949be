"""Experiment trackers: where else a training's curves go, and what such a place must offer."""
