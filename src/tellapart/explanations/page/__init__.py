"""The explain page: each section is a function from an explanation to its part of the page."""
