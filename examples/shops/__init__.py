"""Orders of well-known shop systems, turned into orders of the engine."""
