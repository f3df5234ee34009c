"""`import FILE`: the orders of a file, line by line, into a repository or a running service."""
