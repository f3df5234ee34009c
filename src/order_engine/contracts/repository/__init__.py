"""The contract of a repository, one file per subject."""
