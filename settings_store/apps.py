from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from ui.registry import HealthCheck, Permission, RailEntry, registry


class SettingsStoreConfig(AppConfig):
    name = "settings_store"
    verbose_name = _("Settings")

    def ready(self) -> None:
        # Imported here because they reach models, which exist only once the apps are loaded.
        from settings_store import crypto, health, setting_definitions, store  # noqa: F401
        from settings_store.rows import ensure_single_rows

        registry.add_permissions(
            Permission(
                "settings.read",
                _("See settings"),
                (
                    "settings_store.view_setting",
                    "settings_store.view_settingversion",
                    "settings_store.view_storeversion",
                ),
            ),
            Permission(
                "settings.write",
                _("Change settings"),
                ("settings_store.add_setting", "settings_store.change_setting"),
            ),
            Permission("settings.delete", _("Take settings back to their default"), ("settings_store.delete_setting",)),
            Permission("settings.admin", _("Change the rules of settings"), ("settings_store.view_limitcounter",)),
            Permission("settings.reveal", _("Reveal secrets")),
            Permission("flags.read", _("See flags")),
            Permission("flags.write", _("Change flags")),
            Permission("flags.delete", _("Delete flags")),
            Permission("flags.admin", _("Change the rules of flags")),
            Permission(
                "audit.read",
                _("Read the audit trail"),
                ("settings_store.view_auditevent", "settings_store.view_audithead"),
            ),
        )
        registry.rail += [
            RailEntry(
                _("Run"), _("Settings"), "settings_store:setting_list", "sliders-horizontal", "settings.read", 4010
            ),
            RailEntry(_("Run"), _("Audit"), "settings_store:audit_list", "book-lock", "audit.read", 4050),
        ]
        registry.health_checks += [
            HealthCheck("keyring", health.key_trouble),
            HealthCheck("audit trail", health.trail_trouble),
        ]
        post_migrate.connect(ensure_single_rows, sender=self, dispatch_uid="settings_store.single_rows")
        crypto.check_keyrings()
        # The apps above have declared their settings by now: a variable that locks one to nonsense stops the start.
        store.check_locks()
