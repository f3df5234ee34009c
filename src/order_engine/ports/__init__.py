"""The ports: what the engine needs of the outside, in small protocols owned by the core. The docstrings bind."""
