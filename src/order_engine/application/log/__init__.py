"""Log of the engine: lines for observed facts."""
