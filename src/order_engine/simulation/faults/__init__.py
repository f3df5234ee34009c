"""The faults there are, and when they strike."""
