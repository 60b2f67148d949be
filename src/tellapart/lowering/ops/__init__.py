"""What a lowered network computes with: an operation and its rule, one family a file."""
