"""The model: what a repository should be after any sequence of calls, and the state machine that compares."""
