"""Transactions that change orders."""
