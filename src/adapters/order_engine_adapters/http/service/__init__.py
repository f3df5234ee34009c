"""Endpoints of the service: health, metrics, start page and API documentation."""
