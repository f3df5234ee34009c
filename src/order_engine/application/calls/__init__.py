"""Calls of the repository: grouped into transactions, limited in time, and repeated where that is safe."""
