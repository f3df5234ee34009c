"""Two months of a real shop's orders through the engine: `python -m examples.online_retail FILE`."""
