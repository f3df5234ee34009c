"""What one process of ours owes its environment: hearing signals, ending, and what a forked child may not keep.

The standard library only, so that it is there before anything else is imported.
"""
