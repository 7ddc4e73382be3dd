"""Structured logs on stderr: one line per event; for people on a terminal, JSON otherwise."""

import logging
import sys

import structlog
from structlog.typing import Processor

from proxy.ports import Log


def open_log(level: str, **fields: object) -> Log:
    """Configure logging for this process and give the log that the proxy writes to.

    `fields` stand in every event: which process of several it comes from.
    """
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    log: Log = structlog.get_logger(**fields)
    return log
