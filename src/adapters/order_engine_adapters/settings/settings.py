"""The settings of a process, each declared once."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import Any, Self, TypeVar

from order_engine.application.options import EngineOptions
from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.errors import InvalidSetting
from order_engine.domain.setting import (
    MEBIBYTE,
    PLACING,
    RUNNING,
    Commands,
    Group,
    Setting,
    count,
    declare,
    declared_in,
    seconds,
    settings_of,
)
from order_engine_adapters.settings import validators
from order_engine_adapters.settings.values import value_of
from order_engine_adapters.settings.variables import from_variables, variable

Part = TypeVar("Part")

EVERYWHERE = PLACING | Commands.OPERATE
number: partial[int] = partial(count, group=Group.SERVICE)
limit: partial[int] = partial(count, group=Group.LIMITS, commands=Commands.SERVE)
connection: partial[int] = partial(count, group=Group.CONNECTIONS, commands=Commands.SERVE)


def text(default: str | None, description: str, metavar: str, **details: Any) -> Any:  # noqa: ANN401 - str, or None too
    """Declare a setting that is a text; without a default it is optional."""
    details = {"group": Group.SERVICE, **details}
    return declare(Setting(kind=str, default=default, description=description, metavar=metavar, **details))


def switch(description: str) -> bool:
    """Declare a setting that is off by default."""
    off: bool = declare(Setting(kind=bool, default=False, description=description, group=Group.SERVICE))
    return off


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(EngineOptions):
    """Every setting of a process, with its default; those of the engine are declared by `EngineOptions`.

    `from_environment` reads the environment and `.env`; the constructor and `given` take only what they are given, as
    values or as text. All of them raise InvalidSetting. Times are seconds.
    """

    database_url: str = text(
        "sqlite:///order_engine.db",
        "URL of the repository: sqlite:///FILE, postgresql://HOST/DATABASE or memory://.",
        metavar="URL",
        commands=EVERYWHERE | Commands.MAINTAIN,
        secret=True,
    )
    queue_url: str | None = text(
        None,
        "URL of the queue. Without one, the repository's own queue is used.",
        metavar="URL",
        commands=EVERYWHERE,
        secret=True,
    )
    require_durable: bool = switch("Refuse a repository that may lose acknowledged orders.")
    no_migrate: bool = switch("Refuse a repository whose schema is out of date, instead of migrating it.")
    processor: str = text(
        "demo",
        "Processor of the orders: MODULE:FUNCTION, demo, demo:SECONDS, or none (HTTP only).",
        metavar="NAME",
    )
    host: str = text("127.0.0.1", "Address to listen on.", metavar="ADDRESS")
    port: int = number(8000, "Port to listen on; 0: any free port.", minimum=0, maximum=65_535, commands=Commands.SERVE)
    root_path: str | None = text(
        None,
        "Path under which a proxy serves this service, such as /shop/api.",
        validator=validators.root_path,
        metavar="PATH",
        commands=Commands.SERVE | Commands.OPENAPI,
    )
    trusted_proxies: str | None = text(
        None,
        "Proxies whose Forwarded and X-Forwarded-* headers are trusted: addresses and networks, separated by commas.",
        validator=validators.proxy_networks,
        metavar="NETWORKS",
        commands=Commands.SERVE,
    )
    workers: int = number(
        1, "Processes that serve HTTP and process orders, on PostgreSQL.", maximum=256, commands=Commands.SERVE
    )
    api_keys_file: str | None = text(
        None,
        "File of API keys. With one, every client needs a key.",
        metavar="FILE",
        commands=RUNNING | Commands.OPENAPI,
    )
    allow_anonymous: bool = switch("Serve everyone who can reach the host, without a key.")
    cors_origins: str | None = text(
        None,
        "Origins whose pages may read responses in a browser, separated by commas.",
        validator=validators.page_origins,
        metavar="URLS",
        commands=Commands.SERVE,
    )
    rate_limit: float = declare(
        Setting(
            kind=float,
            default=0.0,
            description="Requests per second before 429, for each key or address, per process; 0: no limit.",
            maximum=1_000_000,
            group=Group.SERVICE,
            commands=Commands.SERVE,
        )
    )
    log_level: str = text(
        "warning",
        "Lowest level that is logged: debug, info, warning, error or critical.",
        choices=("debug", "info", "warning", "error", "critical"),
        metavar="LEVEL",
    )
    log_format: str = text(
        "auto",
        "Format of the log: text, json (one object per line), or auto (text on a terminal, else json).",
        choices=("auto", "text", "json"),
        metavar="FORMAT",
    )
    url: str | None = text(
        None,
        "URL of the running service that the commands use.",
        validator=validators.http_address,
        metavar="URL",
        commands=Commands.IMPORT | Commands.OPERATE,
        secret=True,
    )
    api_key: str | None = text(
        None,
        "API key that the commands send to the service.",
        metavar="KEY",
        validator=validators.visible,
        secret=True,
        flag=False,
    )
    start_seconds: float = seconds(
        30.0, "Seconds to wait at startup for a database that is unavailable.", zero=True, group=Group.SERVICE
    )
    drain_delay_seconds: float = seconds(
        0.0,
        "Seconds between reporting not ready and draining at shutdown; orders are still accepted.",
        zero=True,
        group=Group.SERVICE,
    )
    max_body_bytes: int = limit(
        MEBIBYTE,
        "Maximum size of a request body, and of one line of a batch, in bytes.",
        commands=Commands.SERVE | Commands.IMPORT,
    )
    max_batch_bytes: int = limit(
        64 * MEBIBYTE, "Maximum size of a batch, in bytes.", commands=Commands.SERVE | Commands.IMPORT
    )
    # The answers to 64 MiB of orders that are placed fit into it, however short those are.
    max_kept_answer_bytes: int = limit(
        256 * MEBIBYTE,
        "Maximum size of the buffered results of a batch, in bytes; above 1 MiB they are in a temporary file.",
    )
    max_unread_bytes: int = limit(
        32 * MEBIBYTE, "Maximum size of the unread results of a streamed batch, in bytes of memory."
    )
    max_streams: int = limit(5_000, "Maximum number of open event streams, per process.")
    max_stream_bytes: int = limit(
        16 * MEBIBYTE,
        "Maximum size of the events buffered for slow streams, in bytes; streams that fall behind are closed.",
    )
    heartbeat_seconds: float = seconds(
        15.0,
        "Seconds between heartbeats of an event stream.",
        maximum=3600,
        group=Group.LIMITS,
        commands=Commands.SERVE,
    )
    rate_limit_clients: int = limit(10_000, "Maximum number of keys and addresses whose rate is tracked.")
    body_seconds: float = seconds(
        10.0,
        "Seconds without data before a request is aborted.",
        group=Group.LIMITS,
        commands=Commands.SERVE | Commands.IMPORT,
    )
    max_connections: int = connection(10_000, "Maximum number of open connections, per process.")
    # A proxy in front of the service is one address for all.
    max_connections_per_address: int = connection(
        0, "Maximum number of open connections per client address, per process; 0: no limit.", minimum=0
    )
    max_request_line_bytes: int = connection(
        8 * 1024, "Maximum length of a request line, in bytes.", minimum=256, maximum=MEBIBYTE
    )
    max_header_bytes: int = connection(
        64 * 1024, "Maximum size of all headers of a request, in bytes.", minimum=256, maximum=MEBIBYTE
    )
    max_headers: int = connection(200, "Maximum number of headers of a request.")
    head_seconds: float = seconds(
        10.0,
        "Maximum time to receive the request line and the headers, in seconds.",
        group=Group.CONNECTIONS,
        commands=Commands.SERVE,
    )
    # Longer than the 60 s of common proxies, which know what they are about to send, so that those close first.
    keep_alive_seconds: float = seconds(
        75.0,
        "Seconds before an idle connection is closed.",
        group=Group.CONNECTIONS,
        commands=Commands.SERVE,
    )
    max_identifier_characters: int = declared_in(ContentLimits, "identifier_characters")
    max_items: int = declared_in(ContentLimits, "items")
    max_total_amount: Decimal = declared_in(ContentLimits, "amount_maximum")
    max_amount_decimals: int = declared_in(ContentLimits, "amount_decimals")
    max_attributes_bytes: int = declared_in(ContentLimits, "attributes_bytes")
    max_nesting: int = declared_in(ContentLimits, "nesting")
    max_number_characters: int = declared_in(ContentLimits, "number_characters")
    content: ContentLimits = field(init=False)
    """How large an order's content may be, as these settings say."""

    def __post_init__(self) -> None:
        """Read what was given as text, and check every value."""
        for name, setting in settings_of(type(self)).items():
            self._set(name, value_of(setting, getattr(self, name)))
        self._set("content", self.part(ContentLimits))
        self._check_access()

    @classmethod
    def given(cls, **settings: Any) -> Self:  # noqa: ANN401 - each is checked by its declaration
        """Return settings of what is given and the defaults. Raises InvalidSetting."""
        known = settings_of(cls)
        for name in settings.keys() - known.keys():
            close = get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"Unknown setting {name}.{hint}"
            raise InvalidSetting(message)
        return cls(**settings)

    @classmethod
    def from_environment(cls, **flags: Any) -> Self:  # noqa: ANN401 - likewise
        """Return settings of the flags, the environment and `.env`, in this order.

        Raises InvalidSetting, also for a variable that begins with ORDER_ENGINE_ and is no setting.
        """
        return cls.given(**{**from_variables(settings_of(cls)), **flags})

    @property
    def options(self) -> EngineOptions:
        """The settings that the engine itself keeps."""
        return EngineOptions(**{option.name: getattr(self, option.name) for option in fields(EngineOptions)})

    def part(self, kind: type[Part]) -> Part:
        """Return the limits of one part of the program, as these settings say."""
        return kind(**{name: getattr(self, setting.name) for name, setting in settings_of(kind).items()})

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_access(self) -> None:
        if self.api_keys_file is not None and self.allow_anonymous:
            message = "api_keys_file requires a key from every client, allow_anonymous from none: set only one."
            raise InvalidSetting(message)
        if self.api_keys_file is None and not self.allow_anonymous and not validators.is_loopback(self.host):
            message = (
                f"Other machines can reach the host {self.host!r} without a key. Set it to 127.0.0.1, or give "
                f"--api-keys-file ({variable('api_keys_file')}) or --allow-anonymous "
                f"({variable('allow_anonymous')}=true)."
            )
            raise InvalidSetting(message)
