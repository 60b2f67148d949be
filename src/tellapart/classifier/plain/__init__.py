"""Plain models: Keras models that tellapart did not save, so that nothing in the file says how to use them."""
