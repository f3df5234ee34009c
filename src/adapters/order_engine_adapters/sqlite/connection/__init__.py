"""The connection to a database file: thread, lock and errors."""
