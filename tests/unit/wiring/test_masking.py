"""Secrets in URLs are hidden, however badly the URL is written."""

from __future__ import annotations

import pytest

from order_engine_adapters.wiring.masking import masked, masked_url

SECRET = "hunter2"  # noqa: S105 - not a password of anything


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        (f"postgresql://user:{SECRET}@host:5432/db", "postgresql://user:***@host:5432/db"),
        (f"postgresql://:{SECRET}@host/db", "postgresql://:***@host/db"),
        (f"postgresql://user:{SECRET}/@#?{SECRET}@host/db", "postgresql://user:***@host/db"),
        (f"postgresql://user:{SECRET} {SECRET}\n@host/db", "postgresql://user:***@host/db"),
        (f"postgresql://host/db?user=u&password={SECRET}&a=b", "postgresql://host/db?user=u&password=***&a=b"),
        (f"postgresql://host/db?sslpassword={SECRET} {SECRET}", "postgresql://host/db?sslpassword=***"),
        (f"nats://host?PassWd={SECRET}&auth_token={SECRET}", "nats://host?PassWd=***&auth_token=***"),
        ("sqlite:///order_engine.db", "sqlite:///order_engine.db"),
        ("memory://?capacity=7", "memory://?capacity=7"),
        ("http://127.0.0.1:8000/base", "http://127.0.0.1:8000/base"),
    ],
)
def test_passwords_of_a_url_are_hidden(url: str, shown: str) -> None:
    """The userinfo's password and the parameters that name a secret; the rest is as it was."""
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (f"Cannot open 'postgresql://u:{SECRET}@h/d': no.", "Cannot open 'postgresql://u:***@h/d': no."),
        (f"'x://h?password={SECRET}' is none", "'x://h?password=***' is none"),
        ("Write to support@example.org: all is well.", "Write to support@example.org: all is well."),
    ],
)
def test_passwords_inside_a_sentence_are_hidden(sentence: str, shown: str) -> None:
    """What stands around the URL stays."""
    assert masked(sentence) == shown
