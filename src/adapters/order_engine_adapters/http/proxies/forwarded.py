"""Parsing of `Forwarded` (RFC 7239) and `X-Forwarded-For`.

Each proxy appends the address it received the request from. Earlier entries come from the client side, so only the part
added by a chain of trusted proxies is reliable. Fields are therefore parsed from the end, and a malformed line ends the
parsing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Element: TypeAlias = Mapping[str, str]
"""Parameters of one hop by lower-case name."""

LONGEST_NODE: Final = 64
"""Maximum length of an address with port and brackets."""
_PART: Final = re.compile(
    r"""[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([^ \t",;\\]+|"(?:[^"\\]|\\.)*"))?[ \t]*([,;]|\Z)""", re.DOTALL
)
"""A parameter and its separator. Unquoted values may contain colons and brackets, as most proxies send them."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_PORT: Final = re.compile(r"(?::[0-9]{1,5})?")


def elements(lines: Sequence[bytes]) -> Iterator[Element]:
    """Yield the hops of all `Forwarded` fields, nearest first, up to the first malformed line."""
    for line in reversed(lines):
        found = _elements(line.decode("latin-1"))
        if found is None:
            return
        yield from reversed(found)


def _elements(line: str) -> list[Element] | None:
    found: list[dict[str, str]] = [{}]
    position, end = 0, ","
    while end:
        part = _PART.match(line, position)
        if part is None:
            return None
        name, value, end = (part[1] or "").lower(), part[2], part[3]
        if name in found[-1]:
            return None
        if name:
            found[-1][name] = _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
        if end == ",":
            found.append({})
        position = part.end()
    return [element for element in found if element]


def items(lines: Sequence[bytes]) -> Iterator[str]:
    """Yield the comma-separated items of all fields with one name, last first."""
    for line in reversed(lines):
        for item in reversed(line.decode("latin-1").split(",")):
            yield item.strip(" \t")


def address_of(node: str) -> Address | None:
    """Return the address of a node, which may have brackets or a port.

    Returns None for `unknown`, `_hidden` and invalid nodes.
    """
    if len(node) > LONGEST_NODE:
        return None
    if node.startswith("["):
        host, _, rest = node[1:].partition("]")
        if not _PORT.fullmatch(rest):
            return None
    elif node.count(":") == 1:
        host, _, port = node.partition(":")
        if not port.isdigit():
            return None
    else:
        host = node
    return plain_address(host)


@lru_cache(maxsize=4096)
def plain_address(host: str) -> Address | None:
    """Return the parsed address, as IPv4 if it is mapped into IPv6; None for a name."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
