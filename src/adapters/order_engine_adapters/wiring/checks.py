"""What a setting has to be beyond its type, each rule as a function that raises ValueError with a sentence's end."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit


def nothing_if_empty(value: object) -> object:
    """Return None for an empty text: an optional setting is switched off by an empty variable."""
    return None if value == "" else value


def http_address(value: str) -> str:
    """Return the URL of a service if it is one that the commands can talk to."""
    parts = _address_parts(value)
    if parts is None:
        message = "it is the URL of a running service, such as http://127.0.0.1:8000"
        raise ValueError(message)
    if "@" in parts.netloc:
        message = "it holds no user and no password; the key belongs into ORDER_ENGINE_API_KEY"
        raise ValueError(message)
    if parts.query or parts.fragment:
        message = "it ends with its path, without ? and #"
        raise ValueError(message)
    if not value.isascii() or not value.isprintable() or " " in value:
        message = "it is plain ASCII without spaces"
        raise ValueError(message)
    return value


def visible(value: str) -> str:
    """Return a key if an HTTP header can carry it."""
    if not value.isascii() or not value.isprintable() or " " in value:
        message = "it is visible ASCII without spaces"
        raise ValueError(message)
    return value


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound to `host`."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    # Not every Python takes ::ffff:127.0.0.1 for what it is.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _address_parts(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        # Its sentence would repeat what stands where a port should be, which may be a password.
        return None
    return parts if is_address else None
