"""Validators of settings that are texts. Each returns the value, or raises ValueError.

The message of the error completes "Setting NAME must".
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from order_engine_adapters.settings.root_path import read_root_path

Network: TypeAlias = IPv4Network | IPv6Network


def http_address(value: str) -> str:
    """Return the URL of a service that the commands can use."""
    parts = _address_parts(value)
    if parts is None:
        message = "be the URL of a running service, such as http://127.0.0.1:8000"
        raise ValueError(message)
    if "@" in parts.netloc:
        message = "hold no user and no password; set the key in ORDER_ENGINE_API_KEY"
        raise ValueError(message)
    if parts.query or parts.fragment:
        message = "hold no query and no fragment"
        raise ValueError(message)
    if not value.isascii() or not value.isprintable() or " " in value:
        message = "be ASCII without spaces"
        raise ValueError(message)
    return value


def visible(value: str) -> str:
    """Return a key that an HTTP header can carry."""
    if not value.isascii() or not value.isprintable() or " " in value:
        message = "be visible ASCII without spaces"
        raise ValueError(message)
    return value


def page_origins(value: str) -> str:
    """Return origins, separated by commas, each as a browser sends it: without the default port."""
    for origin in origins_in(value):
        parts = _address_parts(origin)
        if "*" in origin or parts is None:
            message = "list origins such as https://shop.example, separated by commas; * is not allowed"
            raise ValueError(message)
        default_port = {"http": 80, "https": 443}[parts.scheme]
        port = "" if parts.port in {None, default_port} else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if origin != f"{parts.scheme}://{host}{port}" or not origin.isascii():
            message = "list origins in lower-case ASCII, without a path and without the default port"
            raise ValueError(message)
    return value


def origins_in(value: str) -> list[str]:
    """Return the origins of a list that is separated by commas."""
    return [origin.strip() for origin in value.split(",")]


def root_path(value: str) -> str:
    """Return the path that a proxy serves a service under, without a slash at its end."""
    try:
        return read_root_path(value)
    except UnicodeDecodeError:
        message = "be UTF-8 once its percent-encoding is decoded"
        raise ValueError(message) from None


def proxy_networks(value: str) -> str:
    """Return addresses and networks, separated by commas."""
    networks_in(value)
    return value


def networks_in(value: str) -> list[Network]:
    """Return the networks of a list that is separated by commas; an address is a network of its own."""
    networks = []
    for word in value.split(","):
        try:
            networks.append(ip_network(word.strip()))
        except ValueError:
            try:
                meant = f" (did you mean {ip_network(word.strip(), strict=False)}?)"
            except ValueError:
                meant = ""
            message = f"list addresses and networks such as 127.0.0.1, 10.0.0.0/8, separated by commas{meant}"
            raise ValueError(message) from None
    return networks


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
