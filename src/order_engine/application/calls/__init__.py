"""Calls to the repository: grouped into transactions, limited in time, and retried where this is safe."""
