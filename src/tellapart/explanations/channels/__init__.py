"""What the channels of a layer respond to."""
