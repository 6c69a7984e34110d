"""What /readyz and `manage.py init --health-check` look at; each floor adds its own checks to the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from settings_store.trail.chain import foreign_words, unknown_key
from ui.registry import HealthCheck, registry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `problem` is empty where all is well, else a sentence.

    What is not fatal is to be seen to, and takes no process out of service.
    """

    name: str
    problem: str
    is_fatal: bool = True


def findings(*, only_fatal: bool = False) -> list[Finding]:
    """Every check in order; where the database is away the others would only repeat it."""
    database = Finding("database", _run(_database))
    if database.problem:
        return [database]
    checks = [HealthCheck("migrations", _migrations), *registry.health_checks]
    wanted = [check for check in checks if check.is_fatal or not only_fatal]
    return [database, *(Finding(check.name, _run(check.check), check.is_fatal) for check in wanted)]


def is_ready(found: Iterable[Finding]) -> bool:
    return not any(finding.problem and finding.is_fatal for finding in found)


def unprepared() -> str:
    """Why nothing can be kept in the database yet, in a sentence; empty where it can."""
    return _run(_database) or _run(_migrations)


def wrong_key() -> str:
    """Why this process must not begin, in a sentence: its key is not the trail's. Empty where that cannot be asked."""
    try:
        unknown = unknown_key()
    except Error:
        return ""
    finally:
        connection.close()
    return foreign_words(unknown) if unknown else ""


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
