"""An explanation: what a network does with one picture and why it answers so, as values and as a page."""
