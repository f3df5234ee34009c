"""Model of a repository, and the state machine that compares repositories with it."""
