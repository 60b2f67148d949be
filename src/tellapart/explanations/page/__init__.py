"""The sections of an explanation's page."""
