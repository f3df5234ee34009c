"""Descriptions of the configuration for the operator."""

from __future__ import annotations

from pathlib import Path

from order_engine_adapters.demonstration.processor import DEFAULT_SECONDS
from order_engine_adapters.settings import Settings
from order_engine_adapters.settings.validators import is_loopback
from order_engine_adapters.wiring.processors import DEMONSTRATION, NONE


def access_text(settings: Settings) -> str:
    """Return who has access."""
    if settings.api_keys_file is not None:
        return f"API keys in {Path(settings.api_keys_file).resolve()}"
    if is_loopback(settings.host):
        return "anyone on this machine; require API keys with --api-keys-file"
    return "anyone, no API key required"


def processor_text(processor: str) -> str:
    """Return what the processor does."""
    name, _, seconds = processor.partition(":")
    if name == DEMONSTRATION:
        wait = seconds or f"{DEFAULT_SECONDS:g}"
        return f"demonstration, waits {wait} s per order; use your own with --processor module:function"
    return "none; other processes process the orders" if processor == NONE else processor
