"""Which pixels an answer rests on: one method a module, each held to the same test."""
