"""The guide: the tutorial's concepts, one interactive page each, with numbers computed by tellapart."""
