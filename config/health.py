"""What /readyz and `manage.py init --health-check` look at; each floor adds its own checks to the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from ui.registry import registry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `problem` is empty where all is well, else a sentence."""

    name: str
    problem: str


def findings() -> list[Finding]:
    """Every check in order; where the database is away the others would only repeat it."""
    database = Finding("database", _run(_database))
    if database.problem:
        return [database]
    checks: list[tuple[str, Callable[[], str]]] = [("migrations", _migrations)]
    checks += [(check.name, check.check) for check in registry.health_checks]
    return [database, *(Finding(name, _run(check)) for name, check in checks)]


def unprepared() -> str:
    """Why nothing can be kept in the database yet, in a sentence; empty where it can."""
    return _run(_database) or _run(_migrations)


def _run(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # a check that breaks is a finding, never a page that breaks
        log.warning("health_check_failed", exc_info=True)
        if isinstance(error, Error):
            return _("The database does not answer.")
        return _("The check itself failed: %(error)s.") % {"error": type(error).__name__}


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not waiting:
        return ""
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in waiting[:3])
    return _("%(count)d migrations wait to be applied: %(names)s.") % {"count": len(waiting), "names": names}
