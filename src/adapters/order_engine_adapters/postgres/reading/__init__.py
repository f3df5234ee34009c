"""Read-only transactions: orders, lists, histories and the event stream."""
