"""A server that wants a password, with TLS or without, and the certificates that go with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest

from tests.postgres_server import FAST, Server, running_server

PASSWORD: Final = "correct-horse-7c1f"  # noqa: S105 - of a server that lives for one test
USER: Final = "shop"
MAKE_USER: Final = f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'; GRANT CREATE ON DATABASE postgres TO {USER}"
ACCESS: Final = """
host    all postgres 127.0.0.1/32 trust
{kind} all all      127.0.0.1/32 scram-sha-256
"""
OPENSSL_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Authority:
    """A certificate authority."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The certificate of the authority."""
        return self.folder / "authority.crt"

    def found(self, name: str) -> None:
        """Make it, with a certificate that it has signed itself."""
        self.folder.mkdir()
        key, subject = self.folder / "authority.key", f"/CN={name}"
        options = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject)
        _openssl("req", "-x509", *options, "-keyout", str(key), "-out", str(self.certificate))

    def sign(self, host: str) -> tuple[Path, Path]:
        """Return the certificate of a server with this name or address, and its key."""
        key, request, certificate = (self.folder / f"server.{end}" for end in ("key", "csr", "crt"))
        _openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        names = self.folder / "names"
        kind = "IP" if host[0].isdigit() else "DNS"
        names.write_text(f"subjectAltName={kind}:{host}\n", encoding="ascii")
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", "2", "-extfile", str(names)),
            *("-CA", str(self.certificate), "-CAkey", str(self.folder / "authority.key"), "-CAcreateserial"),
            *("-out", str(certificate)),
        )
        return certificate, key


@contextmanager
def secured_server(certificate: tuple[Path, Path] | None) -> Iterator[Server]:
    """Run a server that asks the user `USER` for `PASSWORD`, over TLS alone where it has a certificate."""
    with running_server(with_tls=certificate is not None) as server:
        subprocess.run(  # noqa: S603 - our own words
            [str(server.programs / "psql"), server.url, "-qc", MAKE_USER], check=True, timeout=OPENSSL_SECONDS
        )
        server.stop()
        kind = "host   " if certificate is None else "hostssl"
        (server.cluster / "pg_hba.conf").write_text(ACCESS.format(kind=kind), encoding="ascii")
        if certificate is not None:
            server.settings = {**FAST, "ssl": "on", **_placed(server, certificate)}
        server.start()
        yield server


def _placed(server: Server, certificate: tuple[Path, Path]) -> dict[str, str]:
    """Install certificate and key of the server with restricted permissions, and return the settings for them."""
    settings = {}
    for name, source in zip(("ssl_cert_file", "ssl_key_file"), certificate, strict=True):
        placed = server.cluster / source.name
        shutil.copy(source, placed)
        owner = server.cluster.stat()
        shutil.chown(placed, owner.st_uid, owner.st_gid)
        placed.chmod(0o600)
        settings[name] = source.name
    return settings


def _openssl(*arguments: str) -> None:
    if shutil.which("openssl") is None:
        message = "no openssl: install the package openssl"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=OPENSSL_SECONDS)  # noqa: S603, S607 - our own words, the program of the machine


def url_of(server: Server, host: str = "127.0.0.1", password: str | None = PASSWORD, **parameters: str) -> str:
    """Return the URL for `USER`, without a password where it is None."""
    user = USER if password is None else f"{USER}:{password}"
    return f"postgresql://{user}@{host}:{server.port}/postgres?{urlencode(parameters)}"
