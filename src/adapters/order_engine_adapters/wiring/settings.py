"""The settings of a process: what each may be, and what it is without anybody saying."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from order_engine import ContentLimits, EngineOptions, InvalidSetting
from order_engine_adapters.wiring import checks
from order_engine_adapters.wiring.variables import FILE, PREFIX, check_variables, variable

MEBIBYTE = 1024 * 1024
SECRETS = frozenset({"database_url", "queue_url", "url", "api_key"})
"""The settings that hold a secret, or may: no error repeats one."""

LogLevel = Annotated[Literal["debug", "info", "warning", "error", "critical"], BeforeValidator(checks.lower_case)]
LogFormat = Annotated[Literal["auto", "text", "json"], BeforeValidator(checks.lower_case)]
Text = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(min_length=1, repr=False)]
UrlOrNone = Annotated[str | None, BeforeValidator(checks.nothing_if_empty), Field(repr=False)]
Address = Annotated[str, AfterValidator(checks.http_address)]
Key = Annotated[SecretStr, AfterValidator(lambda key: SecretStr(checks.visible(key.get_secret_value())))]
AddressOrNone = Annotated[Address | None, BeforeValidator(checks.nothing_if_empty), Field(repr=False)]
KeyOrNone = Annotated[Key | None, BeforeValidator(checks.nothing_if_empty)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
TextOrNone = Annotated[str | None, BeforeValidator(checks.nothing_if_empty)]
OriginsOrNone = Annotated[
    Annotated[str, AfterValidator(checks.page_origins)] | None, BeforeValidator(checks.nothing_if_empty)
]
RootPath = Annotated[str, AfterValidator(checks.root_path)]
NetworksOrNone = Annotated[
    Annotated[str, AfterValidator(checks.proxy_networks)] | None, BeforeValidator(checks.nothing_if_empty)
]
CountOrNone = Annotated[int, Field(ge=0, le=1_000_000_000)]
HeadBytes = Annotated[int, Field(ge=256, le=MEBIBYTE)]
Seconds = Annotated[float, Field(gt=0, le=31_536_000, allow_inf_nan=False)]
SecondsOrNone = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting of the engine, with its default. Times are seconds.

    `from_environment` reads the environment and `.env`; the constructor takes only what it is given.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=FILE, env_file_encoding="utf-8", extra="ignore", frozen=True, validate_default=True
    )
    reads_environment: ClassVar[bool] = False

    database_url: Url = Field("sqlite:///order_engine.db", description="the repository, by its URL")
    queue_url: UrlOrNone = Field(None, description="the queue, by its URL; without one the repository's own")
    require_durable: bool = Field(
        default=False, description="refuse a repository that may lose orders it has acknowledged"
    )
    no_migrate: bool = Field(
        default=False, description="refuse a repository whose schema is not up to date, instead of migrating it"
    )
    processor: Text = Field(
        "demo", description="the work on an order: demo, demo:SECONDS, MODULE:FUNCTION, or none for HTTP only"
    )
    host: Text = Field("127.0.0.1", description="the address that HTTP is served at")
    port: Port = Field(8000, description="the port that HTTP is served at; 0: any that is free")
    root_path: Annotated[RootPath | None, BeforeValidator(checks.nothing_if_empty)] = Field(
        None, description="the path that a proxy serves this under, such as /shop/api"
    )
    trusted_proxies: NetworksOrNone = Field(
        None,
        description="proxies whose Forwarded and X-Forwarded-* are believed: addresses and networks, by commas",
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        1, description="processes that serve and work beside one another, on PostgreSQL"
    )
    api_keys_file: TextOrNone = Field(None, description="the file of API keys; with it every client needs one")
    allow_anonymous: bool = Field(default=False, description="serve everybody who can reach the host, without a key")
    cors_origins: OriginsOrNone = Field(
        None, description="the origins whose pages a browser lets read answers, separated by commas"
    )
    rate_limit: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = Field(
        0.0, description="requests a second before 429, per key or address and per process; 0: any number"
    )
    log_level: LogLevel = Field(
        "warning", description="the least level of what is logged: debug, info, warning, error or critical"
    )
    log_format: LogFormat = Field(
        "auto",
        description="the form of the log: text, json (one document a line), or auto: text on a terminal",
    )
    url: AddressOrNone = Field(None, description="the running service that the commands talk to")
    api_key: KeyOrNone = Field(None, description="the key that the commands show to the service")
    concurrency: Count = Field(1000, description="orders worked on at once, per process")
    threads: Count = Field(32, description="the same for a processor that is a plain function")
    lease_seconds: Seconds = Field(30.0, description="how long an order stays with a worker that is not heard of")
    max_attempts: Count = Field(5, description="failures before an order is Failed")
    max_deliveries: Count = Field(10, description="attempts without a report before an order is Failed")
    attempt_seconds: SecondsOrNone = Field(900.0, description="the time limit of one attempt; 0: none")
    backoff_seconds: SecondsOrNone = Field(0.5, description="the longest first wait between attempts")
    backoff_cap_seconds: SecondsOrNone = Field(60.0, description="the longest wait between attempts of all")
    poll_seconds: Seconds = Field(1.0, description="how often the repository is asked for what the queue missed")
    request_seconds: Seconds = Field(10.0, description="the time limit of a request")
    grace_seconds: SecondsOrNone = Field(20.0, description="how long running work may go on at a shutdown")
    stop_seconds: SecondsOrNone = Field(5.0, description="how long a cancelled processor may take to stop")
    start_seconds: SecondsOrNone = Field(
        30.0, description="how long a start waits for a database that is not there yet"
    )
    drain_delay_seconds: SecondsOrNone = Field(
        0.0, description="how long a shutdown is not ready and still takes orders, before it drains"
    )
    max_waiting: Count = Field(10_000, description="placings that may wait at once")
    max_waiting_bytes: Count = Field(64 * MEBIBYTE, description="the same in bytes")
    max_body_bytes: Count = Field(MEBIBYTE, description="the largest body of a request, and line of a batch")
    max_batch_bytes: Count = Field(64 * MEBIBYTE, description="the largest body of a batch, in all")
    max_kept_answer_bytes: Count = Field(
        256 * MEBIBYTE,
        description="answers of a batch that wait until it is complete, in a temporary file past 1 MiB",
    )
    max_unread_bytes: Count = Field(
        32 * MEBIBYTE, description="the same of a batch that is answered while it comes in, in memory"
    )
    max_streams: Count = Field(5_000, description="event streams that may be open at once, per process")
    max_stream_bytes: Count = Field(
        16 * MEBIBYTE, description="events kept for streams that are read slowly; who is behind that is dropped"
    )
    heartbeat_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = Field(
        15.0, description="how often an event stream gives a sign of life"
    )
    rate_limit_clients: Count = Field(10_000, description="keys and addresses whose rates are remembered at once")
    body_seconds: Seconds = Field(10.0, description="how long a body may be silent")
    max_connections: Count = Field(10_000, description="connections that may be open at once, per process")
    max_connections_per_address: CountOrNone = Field(0, description="the same from one address; 0: any number")
    max_request_line_bytes: HeadBytes = Field(8 * 1024, description="the longest request line")
    max_header_bytes: HeadBytes = Field(64 * 1024, description="the largest header of a request")
    max_headers: Count = Field(200, description="the most header fields of a request")
    head_seconds: Seconds = Field(10.0, description="how long the head of a request may take")
    keep_alive_seconds: Seconds = Field(75.0, description="how long a connection may wait for its next request")
    batch_orders: Count = Field(500, description="orders in one transaction")
    batch_bytes: Count = Field(4 * MEBIBYTE, description="bytes in one transaction")
    bell_orders: Count = Field(100_000, description="ids that may wait to be put into the queue")
    page_limit: Count = Field(1000, description="the largest page of a list or a history")
    page_bytes: Count = Field(4 * MEBIBYTE, description="the largest page of a list in bytes")
    max_identifier_characters: Count = Field(256, description="the longest order, user or item id")
    max_items: Count = Field(10_000, description="the most items of an order")
    max_total_amount: Annotated[Decimal, Field(gt=0)] = Field(Decimal(10**15), description="the largest amount")
    max_amount_decimals: Annotated[int, Field(ge=0, le=18)] = Field(6, description="the most decimals of an amount")
    max_attributes_bytes: Count = Field(256 * 1024, description="the largest attributes of an order")
    max_nesting: Annotated[int, Field(ge=2, le=200)] = Field(32, description="the deepest nesting of an order")
    max_number_characters: Annotated[int, Field(ge=1, le=4000)] = Field(400, description="the longest number")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings calls it by this name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let what is given win; the environment and then `.env` count only where they are asked for."""
        if cls.reads_environment:
            return init_settings, env_settings, dotenv_settings
        return (init_settings,)

    @classmethod
    def given(cls, **settings: Any) -> Self:  # noqa: ANN401 - pydantic checks each by its field
        """Return settings of what is given and the defaults. Raises InvalidSetting."""
        unknown = [name for name in settings if name not in cls.model_fields]
        if unknown:
            close = get_close_matches(unknown[0], cls.model_fields, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            message = f"There is no setting {unknown[0]}.{hint}"
            raise InvalidSetting(message)
        return cls._checked(settings)

    @classmethod
    def from_environment(cls, **flags: Any) -> Settings:  # noqa: ANN401 - likewise
        """Return settings of the flags, the environment and `.env`, in this order.

        Raises InvalidSetting, also for a variable that begins with ORDER_ENGINE_ and is no setting.
        """
        check_variables(cls.model_fields)
        return _EnvironmentSettings.given(**flags)

    @property
    def options(self) -> EngineOptions:
        """The settings that the engine itself keeps."""
        names = EngineOptions.__dataclass_fields__.keys() & type(self).model_fields.keys()
        return EngineOptions(**{name: getattr(self, name) for name in names}, content=self.content_limits)

    @property
    def content_limits(self) -> ContentLimits:
        """How large an order's content may be."""
        return ContentLimits(
            identifier_characters=self.max_identifier_characters,
            items=self.max_items,
            amount_maximum=self.max_total_amount,
            amount_decimals=self.max_amount_decimals,
            attributes_bytes=self.max_attributes_bytes,
            nesting=self.max_nesting,
            number_characters=self.max_number_characters,
        )

    @classmethod
    def _checked(cls, settings: Mapping[str, Any]) -> Self:
        try:
            checked = cls(**settings)
        except ValidationError as error:
            message = _sentence(error)
            # The cause would print the whole input, and with it secrets in URLs.
            raise InvalidSetting(message) from None
        checked._check_access()
        return checked

    def _check_access(self) -> None:
        if self.api_keys_file is not None and self.allow_anonymous:
            message = "allow_anonymous serves everybody without a key, and api_keys_file nobody: set one of the two."
            raise InvalidSetting(message)
        if self.api_keys_file is None and not self.allow_anonymous and not checks.is_loopback(self.host):
            message = (
                f"The host {self.host!r} can be reached from other machines, by everybody there: set it to 127.0.0.1, "
                f"give --api-keys-file ({variable('api_keys_file')}), or give --allow-anonymous "
                f"({variable('allow_anonymous')}=true) if that is what you want."
            )
            raise InvalidSetting(message)


class _EnvironmentSettings(Settings):
    reads_environment: ClassVar[bool] = True


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0])
    if first["input"] == "":
        return f"The setting {name} is empty: give it a value, or leave it (and {variable(name)}) out."
    given = "" if name in SECRETS else f", not {first['input']!r}"
    problem = first["msg"].removeprefix("Value error, ").partition(", unable to")[0]
    return f"The setting {name} is not valid: {problem}{given}."
