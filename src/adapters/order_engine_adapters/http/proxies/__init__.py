"""Support for reverse proxies: forwarded headers and root paths."""
