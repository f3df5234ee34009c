"""Reading orders, lists, histories and events."""
