"""Logging of every Tulle process: structlog's events and the libraries' records, in one form."""

import logging
import sys

import structlog
from structlog.typing import Processor

from operators.settings import LogFormat

QUIET = ("kopf", "aiohttp", "asyncio", "grpc", "kubernetes_asyncio")  # libraries that tell too much below WARNING
NOISY = (
    "kopf._cogs.clients.watching",
    "kopf._cogs.clients.api",
)  # an error for each retry of each watch; what lasts is told elsewhere


def configure(level: str, form: LogFormat) -> None:
    """Call once, first of all."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(_renderer(form), foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    for name in NOISY:
        logging.getLogger(name).addFilter(_first_attempts_only)


def _renderer(form: LogFormat) -> Processor:
    if form is LogFormat.CONSOLE:
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.processors.JSONRenderer()


def _first_attempts_only(record: logging.LogRecord) -> bool:
    """Of a request that Kopf retries, the first failure and the one that it gives up on."""
    message = record.getMessage()
    return "will retry" not in message or "#1/" in message
