"""The watch: what goes wrong while training is named when it happens, with its figure and what to do."""
