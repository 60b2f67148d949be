"""What people read: the two consoles, progress, reports and tables. Knows nothing of the command line."""
