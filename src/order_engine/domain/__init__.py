"""The domain: what an order is, what may happen to it, and what each thing that happens makes of it.

Pure data and pure functions over the standard library: no clock, no chance, no input or output.
"""
