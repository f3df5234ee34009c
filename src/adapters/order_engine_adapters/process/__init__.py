"""Process-level concerns: signals, exit, and cleanup in forked children.

Standard library only, so that signals are handled before anything else is imported.
"""
