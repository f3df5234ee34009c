"""Transactions that change orders: placing, claiming, reports and clients' actions."""
