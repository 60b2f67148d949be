"""A run's report: what a run folder keeps, as one page or as JSON."""
