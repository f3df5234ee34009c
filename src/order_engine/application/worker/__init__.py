"""Worker: claims orders, runs the processor under leases, and reports outcomes."""
