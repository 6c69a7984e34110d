from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from settings_store.rows import ensure_single_rows


class SettingsStoreConfig(AppConfig):
    name = "settings_store"
    verbose_name = _("Settings")

    def ready(self) -> None:
        post_migrate.connect(ensure_single_rows, sender=self, dispatch_uid="settings_store.single_rows")
