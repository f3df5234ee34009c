"""The flags of the settings, declared without the settings: those would cost the help a quarter of a second.

A test holds this table equal to the fields, defaults and descriptions of `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import update_wrapper
from typing import Any, NamedTuple

import click

SWITCH = ""
"""The kind of a flag that takes no value."""


class Flag(NamedTuple):
    """One setting as a flag: the section of the help, the kind of its value, its default, what it means."""

    section: str
    kind: str
    default: str
    meaning: str


SERVICE, WORK, CONNECTIONS, LIMITS = "Service", "Work", "Connections", "Limits"

FLAGS: Mapping[str, Flag] = {
    "database_url": Flag(SERVICE, "URL", "sqlite:///order_engine.db", "the repository, by its URL"),
    "queue_url": Flag(SERVICE, "URL", "none", "the queue, by its URL; without one the repository's own"),
    "require_durable": Flag(SERVICE, SWITCH, "false", "refuse a repository that may lose orders it has acknowledged"),
    "no_migrate": Flag(
        SERVICE, SWITCH, "false", "refuse a repository whose schema is not up to date, instead of migrating it"
    ),
    "processor": Flag(
        SERVICE, "NAME", "demo", "the work on an order: demo, demo:SECONDS, MODULE:FUNCTION, or none for HTTP only"
    ),
    "host": Flag(SERVICE, "ADDRESS", "127.0.0.1", "the address that HTTP is served at"),
    "port": Flag(SERVICE, "NUMBER", "8000", "the port that HTTP is served at; 0: any that is free"),
    "root_path": Flag(SERVICE, "PATH", "none", "the path that a proxy serves this under, such as /shop/api"),
    "trusted_proxies": Flag(
        SERVICE,
        "NETWORKS",
        "none",
        "proxies whose Forwarded and X-Forwarded-* are believed: addresses and networks, by commas",
    ),
    "workers": Flag(SERVICE, "NUMBER", "1", "processes that serve and work beside one another, on PostgreSQL"),
    "api_keys_file": Flag(SERVICE, "FILE", "none", "the file of API keys; with it every client needs one"),
    "allow_anonymous": Flag(SERVICE, SWITCH, "false", "serve everybody who can reach the host, without a key"),
    "cors_origins": Flag(
        SERVICE, "URLS", "none", "the origins whose pages a browser lets read answers, separated by commas"
    ),
    "rate_limit": Flag(
        SERVICE, "NUMBER", "0", "requests a second before 429, per key or address and per process; 0: any number"
    ),
    "log_level": Flag(
        SERVICE, "LEVEL", "warning", "the least level of what is logged: debug, info, warning, error or critical"
    ),
    "log_format": Flag(
        SERVICE,
        "FORM",
        "auto",
        "the form of the log: text, json (one document a line), or auto: text on a terminal",
    ),
    "url": Flag(SERVICE, "URL", "none", "the running service that the commands talk to"),
    "concurrency": Flag(WORK, "NUMBER", "1000", "orders worked on at once, per process"),
    "threads": Flag(WORK, "NUMBER", "32", "the same for a processor that is a plain function"),
    "lease_seconds": Flag(WORK, "SECONDS", "30", "how long an order stays with a worker that is not heard of"),
    "max_attempts": Flag(WORK, "NUMBER", "5", "failures before an order is Failed"),
    "max_deliveries": Flag(WORK, "NUMBER", "10", "attempts without a report before an order is Failed"),
    "attempt_seconds": Flag(WORK, "SECONDS", "900", "the time limit of one attempt; 0: none"),
    "backoff_seconds": Flag(WORK, "SECONDS", "0.5", "the longest first wait between attempts"),
    "backoff_cap_seconds": Flag(WORK, "SECONDS", "60", "the longest wait between attempts of all"),
    "poll_seconds": Flag(WORK, "SECONDS", "1", "how often the repository is asked for what the queue missed"),
    "request_seconds": Flag(WORK, "SECONDS", "10", "the time limit of a request"),
    "grace_seconds": Flag(WORK, "SECONDS", "20", "how long running work may go on at a shutdown"),
    "stop_seconds": Flag(WORK, "SECONDS", "5", "how long a cancelled processor may take to stop"),
    "start_seconds": Flag(SERVICE, "SECONDS", "30", "how long a start waits for a database that is not there yet"),
    "drain_delay_seconds": Flag(
        SERVICE, "SECONDS", "0", "how long a shutdown is not ready and still takes orders, before it drains"
    ),
    "max_waiting": Flag(LIMITS, "NUMBER", "10000", "placings that may wait at once"),
    "max_waiting_bytes": Flag(LIMITS, "BYTES", "67108864", "the same in bytes"),
    "max_body_bytes": Flag(LIMITS, "BYTES", "1048576", "the largest body of a request, and line of a batch"),
    "max_batch_bytes": Flag(LIMITS, "BYTES", "67108864", "the largest body of a batch, in all"),
    "max_kept_answer_bytes": Flag(
        LIMITS,
        "BYTES",
        "268435456",
        "answers of a batch that wait until it is complete, in a temporary file past 1 MiB",
    ),
    "max_unread_bytes": Flag(
        LIMITS, "BYTES", "33554432", "the same of a batch that is answered while it comes in, in memory"
    ),
    "max_streams": Flag(LIMITS, "NUMBER", "5000", "event streams that may be open at once, per process"),
    "max_stream_bytes": Flag(
        LIMITS, "BYTES", "16777216", "events kept for streams that are read slowly; who is behind that is dropped"
    ),
    "heartbeat_seconds": Flag(LIMITS, "SECONDS", "15", "how often an event stream gives a sign of life"),
    "rate_limit_clients": Flag(LIMITS, "NUMBER", "10000", "keys and addresses whose rates are remembered at once"),
    "body_seconds": Flag(LIMITS, "SECONDS", "10", "how long a body may be silent"),
    "max_connections": Flag(CONNECTIONS, "NUMBER", "10000", "connections that may be open at once, per process"),
    "max_connections_per_address": Flag(CONNECTIONS, "NUMBER", "0", "the same from one address; 0: any number"),
    "max_request_line_bytes": Flag(CONNECTIONS, "BYTES", "8192", "the longest request line"),
    "max_header_bytes": Flag(CONNECTIONS, "BYTES", "65536", "the largest header of a request"),
    "max_headers": Flag(CONNECTIONS, "NUMBER", "200", "the most header fields of a request"),
    "head_seconds": Flag(CONNECTIONS, "SECONDS", "10", "how long the head of a request may take"),
    "keep_alive_seconds": Flag(CONNECTIONS, "SECONDS", "75", "how long a connection may wait for its next request"),
    "batch_orders": Flag(LIMITS, "NUMBER", "500", "orders in one transaction"),
    "batch_bytes": Flag(LIMITS, "BYTES", "4194304", "bytes in one transaction"),
    "bell_orders": Flag(LIMITS, "NUMBER", "100000", "ids that may wait to be put into the queue"),
    "page_limit": Flag(LIMITS, "NUMBER", "1000", "the largest page of a list or a history"),
    "page_bytes": Flag(LIMITS, "BYTES", "4194304", "the largest page of a list in bytes"),
    "max_identifier_characters": Flag(LIMITS, "NUMBER", "256", "the longest order, user or item id"),
    "max_items": Flag(LIMITS, "NUMBER", "10000", "the most items of an order"),
    "max_total_amount": Flag(LIMITS, "NUMBER", "1000000000000000", "the largest amount"),
    "max_amount_decimals": Flag(LIMITS, "NUMBER", "6", "the most decimals of an amount"),
    "max_attributes_bytes": Flag(LIMITS, "BYTES", "262144", "the largest attributes of an order"),
    "max_nesting": Flag(LIMITS, "NUMBER", "32", "the deepest nesting of an order"),
    "max_number_characters": Flag(LIMITS, "NUMBER", "400", "the longest number"),
}
"""Every setting but the API key: a flag would show it in the list of processes."""

ALL = tuple(FLAGS)
SERVING = tuple(name for name in ALL if name != "url")
OF_HTTP = frozenset(
    {
        "port",
        "root_path",
        "trusted_proxies",
        "workers",
        "cors_origins",
        "rate_limit",
        "rate_limit_clients",
        "max_streams",
        "max_stream_bytes",
        "heartbeat_seconds",
        "max_body_bytes",
        "max_batch_bytes",
        "max_kept_answer_bytes",
        "max_unread_bytes",
        "body_seconds",
    }
)
WORKING = tuple(name for name in SERVING if name not in OF_HTTP and FLAGS[name].section is not CONNECTIONS)
ANSWERING = frozenset(
    {
        "max_kept_answer_bytes",
        "max_unread_bytes",
        "page_limit",
        "page_bytes",
        "rate_limit_clients",
        "max_streams",
        "max_stream_bytes",
        "heartbeat_seconds",
    }
)
"""The limits that are of no interest to whoever only sends."""
OPERATING = ("url", "database_url", "queue_url", "request_seconds")
IMPORTING = (
    *OPERATING,
    *(name for name, flag in FLAGS.items() if flag.section is LIMITS and name not in ANSWERING),
)

CONTENT = frozenset(
    {
        "max_identifier_characters",
        "max_items",
        "max_total_amount",
        "max_amount_decimals",
        "max_attributes_bytes",
        "max_nesting",
        "max_number_characters",
    }
)
DESCRIBED = ("api_keys_file", "root_path", "page_limit", *(name for name in ALL if name in CONTENT))
"""What the OpenAPI document depends on."""


class SettingOption(click.Option):
    """The flag of one setting. Its text is checked by the setting itself, wherever it comes from."""

    def __init__(self, name: str) -> None:
        """Make the flag of the setting `name`."""
        flag = FLAGS[name]
        self.section = flag.section
        switch: dict[str, Any] = {"is_flag": True, "flag_value": "true"} if flag.kind == SWITCH else {}
        default = "" if flag.default in {"none", "false"} else f" [{flag.default}]"
        super().__init__(
            [f"--{name.replace('_', '-')}", name],
            type=str,
            default=None,
            metavar=flag.kind or None,
            help=f"{flag.meaning}{default}",
            **switch,
        )


class SettingCommand(click.Command):
    """A command whose help shows the flags of settings by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those of the settings."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                section = option.section if isinstance(option, SettingOption) else "Options"
                sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records)


class SettingGroup(SettingCommand, click.Group):
    """A group that does something by itself as well; its help shows the settings, then the commands below it."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, then the commands."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


Flags = Mapping[str, str]
"""The settings that were given on the command line, by name."""


def with_settings(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of the settings `names`; it gets those that were used as its first argument."""
    chosen = tuple(names)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:  # noqa: ANN401 - click's own parameters, by name
            flags = dict(_given(chosen, arguments))
            command(flags, **{name: value for name, value in arguments.items() if name not in chosen})

        update_wrapper(run, command)
        # click lists parameters in the order of the decorators, which is that of this list turned round.
        options = [SettingOption(name) for name in reversed(chosen)]
        run.__click_params__ = [*options, *getattr(command, "__click_params__", [])]  # type: ignore[attr-defined]
        return run

    return decorate


def _given(names: Iterable[str], arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in names:
        if arguments[name] is not None:
            yield name, arguments[name]
