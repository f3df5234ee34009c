"""An HTTP connection to a service, by the standard library."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

from order_engine_adapters.cli.target.outcomes import TargetUnavailable
from order_engine_adapters.wiring.masking import masked_url

LONGEST_PROBLEM = 1024 * 1024
NOTHING_READ = b""


class HttpAnswer:
    """A response whose head was received and whose body is read as it arrives."""

    def __init__(self, response: HTTPResponse) -> None:
        """Read from `response`."""
        self._response = response
        self.status: int = response.status
        self.reason: str = response.reason

    def header(self, name: str) -> str | None:
        """Return a header, or None if it is absent."""
        return self._response.headers.get(name)

    def retry_after(self) -> float:
        """Return the seconds of `Retry-After`; 0 if it is absent or a date."""
        given = self.header("Retry-After") or ""
        return float(given) if given.isascii() and given.isdigit() else 0.0

    def text(self) -> str:
        """Return the whole body."""
        return self._response.read().decode(errors="replace")

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the body as they arrive. Raises IncompleteRead if it is truncated."""
        while line := self._response.readline():
            yield line
        if self._response.length:
            raise IncompleteRead(NOTHING_READ, self._response.length)

    def problem(self) -> Mapping[str, Any]:
        """Return the problem document; empty if the response has none."""
        try:
            document = json.loads(self._response.read(LONGEST_PROBLEM))
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}


class ServiceConnection:
    """Sequential requests to one service. Redirects are not followed: the key is for this service only."""

    def __init__(self, address: str, seconds: float, key: str | None) -> None:
        """Connect to the service at `address`, with a timeout of `seconds` per read."""
        parts = urlsplit(address)
        self.shown: str = masked_url(address)
        self._prefix = parts.path.rstrip("/")
        self._seconds = seconds
        self._headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._connection: HTTPConnection = HTTPSConnection(host, parts.port, timeout=seconds, context=context)
        else:
            self._connection = HTTPConnection(host, parts.port, timeout=seconds)

    @contextmanager
    def asked(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        times: int = 1,
    ) -> Iterator[HttpAnswer]:
        """Send a request and yield its response. Raises TargetUnavailable if there is none in time.

        The timeout of the response is multiplied by `times`.
        """
        seconds = self._seconds * times
        self._limit(seconds)
        sent = {**self._headers, **(headers or {})}
        try:
            # A service that refuses a body may not read it, but its response can be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._connection.request(method, self._prefix + path, body, sent)
            with self._connection.getresponse() as response:
                yield HttpAnswer(response)
                if not response.isclosed():
                    # The connection cannot be reused before the body is read.
                    self._connection.close()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise TargetUnavailable(self._sentence(error, seconds)) from error
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _limit(self, seconds: float) -> None:
        self._connection.timeout = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)

    def _sentence(self, error: OSError | HTTPException, seconds: float) -> str:
        if isinstance(error, ConnectionRefusedError):
            return f"Cannot connect to {self.shown}. Check that `order-engine serve` is running there."
        if isinstance(error, TimeoutError):
            return f"{self.shown} did not respond within {seconds:g} s."
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"Cannot verify the TLS certificate of {self.shown}: {error.verify_message}."
        if isinstance(error, OSError):
            return f"The connection to {self.shown} failed: {error.strerror or error}."
        if isinstance(error, IncompleteRead):
            return f"{self.shown} closed the connection before the response was complete."
        return f"{self.shown} sent an invalid HTTP response ({type(error).__name__}). Check the address."
