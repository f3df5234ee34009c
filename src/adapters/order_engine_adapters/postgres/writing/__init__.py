"""Transactions that change orders: placements, claims, reports and actions."""
