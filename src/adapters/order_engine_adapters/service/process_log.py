"""The log of a process of ours: on standard error, unless the user's own code has set one up."""

from __future__ import annotations

import logging
import sys

from order_engine_adapters.service.log_formats import JsonFormatter, TextFormatter
from order_engine_adapters.service.log_stream import LogStream
from order_engine_adapters.settings import Settings

OURS = "order_engine"
"""The logger that is ours, with all below it."""


class ProcessHandler(logging.Handler):
    """Writes to standard error whatever no other handler on its way has written."""

    def __init__(self, stream: LogStream, formatter: logging.Formatter) -> None:
        """Write to `stream` in the form of `formatter`."""
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
        """Write what could not be written before."""
        self._stream.flush()

    def _is_written_elsewhere(self, name: str) -> bool:
        """Whether a logger from `name` upwards has a handler of its own: the line would be there twice."""
        logger: logging.Logger | None = logging.getLogger(name)
        while logger is not None:
            if any(handler is not self and not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def begin_log(settings: Settings) -> None:
    """Write our own warnings to standard error until the processor is loaded, which may set a log up.

    The root logger is left alone so long: with a handler on it, `logging.basicConfig` would do nothing.
    """
    end_log()
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = ProcessHandler(LogStream(sys.stderr), TextFormatter() if is_text else JsonFormatter())
    logging.getLogger(OURS).addHandler(handler)


def hand_over_log(settings: Settings) -> None:
    """Leave the log to the configuration of the user's code, where there is one; else write everybody's log.

    Loggers of ours that such a configuration has disabled as existing ones are enabled again.
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
    """Take our handlers away, and leave all others."""
    for logger in (logging.getLogger(), logging.getLogger(OURS)):
        for handler in list(logger.handlers):
            if isinstance(handler, ProcessHandler):
                logger.removeHandler(handler)
                handler.close()
