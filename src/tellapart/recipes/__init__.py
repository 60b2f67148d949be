"""Recipes: complete, frozen configurations, and the Keras objects that are built from them."""
