"""The public functions, one verb a file: the same names and meanings as the commands."""
