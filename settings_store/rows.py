"""The two rows that must always be there: the end of the trail and the version of all settings."""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.apps.registry import apps as installed
from django.db import DEFAULT_DB_ALIAS


def ensure_single_rows(*, apps: Apps = installed, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """After a migration (or a flush of the suite's database): make the rows where they are missing.

    A flush names no apps: then they are those of this process.
    """
    for name in ("AuditHead", "StoreVersion"):
        try:
            model = apps.get_model("settings_store", name)
        except LookupError:
            # Migrated back to before they existed.
            continue
        model._default_manager.using(using).get_or_create(pk=1)
