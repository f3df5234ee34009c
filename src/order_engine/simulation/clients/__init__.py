"""Clients and operators of the simulated service."""
