"""The one connection to a database file: its thread, its lock, its errors."""
