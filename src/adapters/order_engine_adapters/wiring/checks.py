"""What a setting has to be beyond its type, each rule as a function that raises ValueError with a sentence's end."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from order_engine_adapters.http.proxies.forwarded import Network
from order_engine_adapters.http.proxies.root_path import read_root_path


def nothing_if_empty(value: object) -> object:
    """Return None for an empty text: an optional setting is switched off by an empty variable."""
    return None if value == "" else value


def lower_case(value: object) -> object:
    """Return a word in lower case: INFO is info."""
    return value.lower() if isinstance(value, str) else value


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


def page_origins(value: str) -> str:
    """Return origins, separated by commas, each as a browser names it: scheme, host, and a port that is not usual."""
    for origin in origins_in(value):
        parts = _address_parts(origin)
        if "*" in origin or parts is None:
            message = "write each origin as https://shop.example, separated by commas; * is none"
            raise ValueError(message)
        usual = {"http": 80, "https": 443}[parts.scheme]
        port = "" if parts.port in {None, usual} else f":{parts.port}"
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if origin != f"{parts.scheme}://{host}{port}" or not origin.isascii():
            message = "an origin is in lower case and ASCII, without a path and without the port that is usual"
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
        message = "it is not UTF-8 once it is decoded"
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
                meant = f": did you mean {ip_network(word.strip(), strict=False)}?"
            except ValueError:
                meant = ""
            message = f"write addresses and networks such as 127.0.0.1, 10.0.0.0/8, separated by commas{meant}"
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
