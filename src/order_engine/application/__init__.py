"""Application layer: the engine that accepts orders and processes them to completion."""
