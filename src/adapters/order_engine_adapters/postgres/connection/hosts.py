"""The hosts of a URL, and the order and time limits of connection attempts, as in libpq.

The driver tries all hosts within one time limit, which a single unresponsive host would use up.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from order_engine.domain.errors import InvalidSetting

VARIABLES: Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "port": "PGPORT",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""libpq's names, in a URL or service file and in the environment."""
DEFAULT_PORT: Final = 5432
LARGEST_PORT: Final = 65_535
LONGEST_TIMEOUT: Final = 3_600


class Host(NamedTuple):
    """Address of a server. None: the default of the driver."""

    name: str | None
    port: int | None


class HostAttempt(NamedTuple):
    """A host to try with a value for `target_session_attrs`. None: the value in the URL."""

    host: Host
    session_attributes: str | None


def parameters(url: str) -> Mapping[str, str]:
    """Return the parameters that libpq would use: URL before service file before environment."""
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    by_environment = {name: os.environ[variable] for name, variable in VARIABLES.items() if os.environ.get(variable)}
    return {**by_environment, **_of_service(given.get("service")), **given}


def connect_timeout(given: Mapping[str, str]) -> int | None:
    """Return the seconds per host, or None if unset. Raises InvalidSetting."""
    text = given.get("connect_timeout", "0").strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or int(text) > LONGEST_TIMEOUT:
        message = f"Invalid connect_timeout {text!r}. It must be whole seconds up to {LONGEST_TIMEOUT}."
        raise InvalidSetting(message)
    return int(text) if int(text) > 0 else None


def is_any_order(given: Mapping[str, str]) -> bool:
    """Return whether the hosts are tried in random order. Raises InvalidSetting."""
    text = given.get("load_balance_hosts", "disable")
    if text not in {"disable", "random"}:
        message = f"Invalid load_balance_hosts {text!r}. Allowed: disable, random."
        raise InvalidSetting(message)
    return text == "random"


def host_attempts(url: str, random: Random | None) -> Sequence[HostAttempt]:
    """Return the attempts in order, shuffled by `random` if given. Raises InvalidSetting.

    With `prefer-standby`, every host is tried as a standby first and then without that condition.
    """
    hosts = hosts_of(url)
    if random is not None:
        random.shuffle(hosts)
    prefers_standby = parameters(url).get("target_session_attrs") == "prefer-standby"
    return [HostAttempt(host, each) for each in (("standby", "any") if prefers_standby else (None,)) for host in hosts]


def hosts_of(url: str) -> list[Host]:
    """Return the hosts of the URL, else of its service file or the environment. Raises InvalidSetting."""
    given = parameters(url)
    in_url = urlsplit(url).netloc.rpartition("@")[2]
    names = in_url or given.get("host", "")
    if not names:
        return [Host(None, None)]
    hosts = [_split(unquote(each) if in_url else each) for each in names.split(",")]
    ports = [_port(each) for each in given.get("port", "").split(",")]
    if len(ports) not in {1, len(hosts)}:
        message = f"The PostgreSQL URL has {len(ports)} ports for {len(hosts)} hosts. Use one port or one per host."
        raise InvalidSetting(message)
    if len(ports) == 1:
        ports *= len(hosts)
    return [Host(host.name, host.port or port or DEFAULT_PORT) for host, port in zip(hosts, ports, strict=True)]


def _split(text: str) -> Host:
    """Parse `host`, `host:port`, `[IPv6 address]:port` or the folder of a socket."""
    if text.startswith("/"):
        return Host(text, None)
    if text.startswith("["):
        name, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = text.partition(":")
    if not name:
        message = "The PostgreSQL URL has an empty host in its list of hosts."
        raise InvalidSetting(message)
    return Host(name, _port(port))


def _port(text: str) -> int | None:
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_PORT)) else 0
    if not 0 < number <= LARGEST_PORT:
        # Without the value, which may be part of a password that is not percent-encoded.
        message = f"The PostgreSQL URL has an invalid port. A port is a number from 1 to {LARGEST_PORT}."
        raise InvalidSetting(message)
    return number


def _of_service(name: str | None) -> Mapping[str, str]:
    """Return the hosts of a service in a service file. The driver reads the other parameters."""
    if name is None:
        return {}
    file = configparser.ConfigParser(interpolation=None)
    try:
        file.read(os.environ.get("PGSERVICEFILE") or Path.home() / ".pg_service.conf")
    except (configparser.Error, UnicodeDecodeError, RuntimeError):
        return {}
    return {key: file.get(name, key) for key in VARIABLES if file.has_option(name, key)}
