"""Which training pictures speak for an answer."""
