"""Domain model: orders, commands, events, and the rules that connect them.

Pure data and pure functions over the standard library: no clock, no randomness, no I/O.
"""
