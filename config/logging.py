"""One log line per event, as JSON on standard error (or in colour for a debug server), each with its request id."""

from __future__ import annotations

from typing import Any

import structlog


def logging_config(*, level: str, human: bool) -> dict[str, Any]:
    """Django's LOGGING for this installation; also configures structlog, which every module logs through."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    last,
                ],
                "foreign_pre_chain": shared,
            }
        },
        "filters": {"full disk": {"()": "settings_store.disk.SayOnce"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["full disk"]}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django logs every 4xx as a warning with the path; the request log line already says it.
            "django.request": {"level": "ERROR"},
            "django.server": {"level": "WARNING"},
            # Anybody can send a wrong Host; a traceback for each would be a way to fill the disk.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
        },
    }
