"""The prediction server: models behind HTTP, with limits for strangers."""
