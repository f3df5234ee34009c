"""Orders over HTTP: the service beside the one that a Python team would write first."""
