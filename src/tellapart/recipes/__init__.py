"""Recipes: complete, frozen training configurations, and the Keras objects built from them."""
