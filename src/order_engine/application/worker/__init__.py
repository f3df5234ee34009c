"""The worker: claims orders, runs the processor on them under leases, and reports the outcome."""
