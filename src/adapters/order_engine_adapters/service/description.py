"""What an operator is told about the parts of a process."""

from __future__ import annotations

from pathlib import Path

from order_engine_adapters.demonstration.processor import DEFAULT_SECONDS
from order_engine_adapters.wiring.checks import is_loopback
from order_engine_adapters.wiring.processors import DEMONSTRATION, NONE
from order_engine_adapters.wiring.settings import Settings


def access_text(settings: Settings) -> str:
    """Return who is answered."""
    if settings.api_keys_file is not None:
        return f"the keys in {Path(settings.api_keys_file).resolve()}"
    if is_loopback(settings.host):
        return "everybody on this machine; give --api-keys-file to ask for keys"
    return "everybody, without a key"


def processor_text(processor: str) -> str:
    """Return what the setting `processor` does with an order."""
    name, _, seconds = processor.partition(":")
    if name == DEMONSTRATION:
        wait = seconds or f"{DEFAULT_SECONDS:g}"
        return f"a demonstration that waits {wait} s per order; give your own with --processor module:function"
    return "none: orders are taken and left to other processes" if processor == NONE else processor
