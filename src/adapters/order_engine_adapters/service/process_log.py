"""The log of a process on standard error, unless the user's code configures logging."""

from __future__ import annotations

import logging
import sys

from order_engine_adapters.service.log_formats import JsonFormatter, TextFormatter
from order_engine_adapters.service.log_stream import LogStream
from order_engine_adapters.settings import Settings

OURS = "order_engine"
"""The root of our loggers."""


class ProcessHandler(logging.Handler):
    """Writes records to standard error that no other handler has written."""

    def __init__(self, stream: LogStream, formatter: logging.Formatter) -> None:
        """Write to `stream` with `formatter`."""
        super().__init__()
        self._stream = stream
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if self._is_written_elsewhere(record.name):
            return
        try:
            self._stream.write(f"{self.format(record)}\n")
        except Exception:  # noqa: BLE001 - as the standard library's handlers do: an error in a log ends nothing
            self.handleError(record)

    def flush(self) -> None:
        """Write buffered records."""
        self._stream.flush()

    def _is_written_elsewhere(self, name: str) -> bool:
        """Return whether a logger from `name` upwards has another handler, which would duplicate the line."""
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None:
            if any(handler is not self and not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def begin_log(settings: Settings) -> None:
    """Log our own warnings to standard error until the processor is loaded, which may configure logging.

    The root logger is not changed: with a handler on it, `logging.basicConfig` would have no effect.
    """
    end_log()
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = ProcessHandler(LogStream(sys.stderr), TextFormatter() if is_text else JsonFormatter())
    logging.getLogger(OURS).addHandler(handler)


def hand_over_log(settings: Settings) -> None:
    """Use the logging configuration of the user's code if there is one; else log all records.

    Our loggers are enabled again if that configuration has disabled existing loggers.
    """
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    handlers = [handler for handler in ours.handlers if isinstance(handler, ProcessHandler)]
    for handler in handlers:
        ours.removeHandler(handler)
    for name in list(root.manager.loggerDict):
        if f"{name}.".startswith(f"{OURS}."):
            logging.getLogger(name).disabled = False
    if not root.handlers:
        root.setLevel(settings.log_level.upper())
        for handler in handlers:
            root.addHandler(handler)


def end_log() -> None:
    """Remove our handlers only."""
    for logger in (logging.getLogger(), logging.getLogger(OURS)):
        for handler in list(logger.handlers):
            if isinstance(handler, ProcessHandler):
                logger.removeHandler(handler)
                handler.close()
