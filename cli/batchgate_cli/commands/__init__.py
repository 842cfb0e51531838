"""One module for each command group."""
