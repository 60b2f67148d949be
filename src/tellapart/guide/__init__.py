"""The guide: the tutorial's lesson in the reader's own browser, one page a concept, on tellapart's own numbers."""
