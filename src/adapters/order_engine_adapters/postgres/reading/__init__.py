"""Transactions that only read: orders, lists, histories, the event stream."""
