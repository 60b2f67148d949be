"""A network with its class names: what it is, how it is saved, and which one a path or name means."""
