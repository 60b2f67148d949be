"""The command line: one file a verb, and what those files print with."""
