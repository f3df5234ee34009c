"""Masking of passwords in URLs in messages and logs."""

from __future__ import annotations

import re

MASK = "***"

_HIDDEN_PARAMETER = r"[\w.-]*(?:password|passwd|pwd|secret|token|key)[\w.-]*"


def masked_url(url: str) -> str:
    """Return a URL with the password and the values of parameters such as `password` masked."""
    return _masked(url, ".", "[^&;#]")


def masked(sentence: str) -> str:
    """Return a text with the passwords of its URLs masked."""
    return _masked(sentence, r"\S", r"[^&;#\s'\"]")


def _masked(text: str, of_authority: str, of_value: str) -> str:
    # Up to the last "@": a password that is not percent-encoded may contain "@", "/" or "#".
    without_password = re.sub(rf"(?s)(://[^:@/\s]*):{of_authority}*@", rf"\1:{MASK}@", text)
    return re.sub(rf"(?si)([?&;]{_HIDDEN_PARAMETER}=){of_value}+", rf"\1{MASK}", without_password)
