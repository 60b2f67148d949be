"""A training's report: from what a run folder keeps to one page, or the same as JSON."""
