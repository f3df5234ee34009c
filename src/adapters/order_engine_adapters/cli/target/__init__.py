"""What the commands talk to: a running service over HTTP, or the repository itself."""
