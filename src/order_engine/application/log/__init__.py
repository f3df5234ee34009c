"""What the engine reports about itself, and the log lines made of it."""
