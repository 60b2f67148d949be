"""Changes to training pictures, as pure functions of tensors."""
