"""Proxies in front of the service: what is believed of what they say, and the path that they serve it under."""
