from __future__ import annotations

import atexit
from functools import partial

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from settings_store.realms import Realm
from ui.registry import HealthCheck, HomeCard, Permission, RailEntry, registry


class SettingsStoreConfig(AppConfig):
    name = "settings_store"
    verbose_name = _("Settings")

    def ready(self) -> None:
        # Imported here because they reach models, which exist only once the apps are loaded.
        from settings_store import crypto, health, key_use, links, proposals, sealed_columns, setting_definitions, store  # noqa: F401
        from settings_store.actions.applying import apply_due
        from settings_store.actions.transfer import forget_old_imports
        from settings_store.flag import use
        from settings_store.palette import FLAGS, PAGES, SETTINGS
        from settings_store.rows import ensure_single_rows

        registry.object_links["settings_store.setting"] = links.setting_page
        registry.object_links["settings_store.ownsetting"] = links.own_setting_page
        registry.object_links["settings_store.proposal"] = links.proposal_page
        registry.object_links["settings_store.protection"] = links.protected_page
        registry.object_links["settings_store.flag"] = links.flag_page
        registry.add_permissions(
            Permission(
                "settings.read",
                _("See settings"),
                (
                    "settings_store.view_setting",
                    "settings_store.view_settingversion",
                    "settings_store.view_storeversion",
                    "settings_store.view_ownsetting",
                    "settings_store.view_protection",
                    "settings_store.view_proposal",
                    "settings_store.view_settingimport",
                ),
            ),
            Permission(
                "settings.write",
                _("Change settings"),
                ("settings_store.add_setting", "settings_store.change_setting"),
            ),
            Permission("settings.delete", _("Take settings back to their default"), ("settings_store.delete_setting",)),
            Permission(
                "settings.admin",
                _("Change the rules of settings, protect them, and approve what others propose"),
                (
                    "settings_store.view_limitcounter",
                    "settings_store.view_sealedversion",
                    "settings_store.view_keyuse",
                    "settings_store.view_chainkey",
                ),
            ),
            Permission("settings.reveal", _("Reveal secrets")),
            Permission("flags.read", _("See flags"), ("settings_store.view_flag", "settings_store.view_flaguse")),
            Permission(
                "flags.write",
                _("Create flags and change whom they are on for"),
                ("settings_store.add_flag", "settings_store.change_flag"),
            ),
            Permission(
                "flags.delete",
                _("Archive flags, and take their rules back to those of the common environment"),
                ("settings_store.delete_flag",),
            ),
            Permission("flags.admin", _("Protect flags, and approve what others propose")),
            Permission(
                "audit.read",
                _("Read the audit trail"),
                ("settings_store.view_auditevent", "settings_store.view_audithead"),
            ),
        )
        registry.palette += [SETTINGS, FLAGS]
        registry.palette_pages += PAGES
        registry.home_cards.append(HomeCard("settings_store/proposal_home.html", proposals.home, order=5, wide=True))
        registry.rail += [
            RailEntry(
                _("Run"),
                _("Settings"),
                "settings_store:setting_list",
                "sliders-horizontal",
                "settings.read",
                4010,
                partial(proposals.for_decision, realm=Realm.SETTINGS),
            ),
            RailEntry(
                _("Run"),
                _("Flags"),
                "settings_store:flag_list",
                "flag",
                "flags.read",
                4020,
                partial(proposals.for_decision, realm=Realm.FLAGS),
            ),
            RailEntry(_("Run"), _("Audit"), "settings_store:audit_list", "book-lock", "audit.read", 4050),
        ]
        registry.health_checks += [
            HealthCheck("keyring", health.key_trouble),
            HealthCheck("audit trail", health.trail_trouble),
            HealthCheck("sealed values", health.sealed_trouble, is_fatal=False),
            HealthCheck("use of keys", health.key_use_trouble, is_fatal=False),
        ]
        store.when_due(apply_due)
        key_use.with_each_round(forget_old_imports, "Old imports could not be forgotten")
        key_use.with_each_round(use.write_down, "The use of flags could not be written down")
        post_migrate.connect(ensure_single_rows, sender=self, dispatch_uid="settings_store.single_rows")
        if settings.SETTINGS_POLL_SECONDS:
            # The one registered last goes first, and waits for a round that is still writing.
            atexit.register(use.leave)
            atexit.register(key_use.leave)
        crypto.check_keyrings()
        # The apps above have declared their settings by now: a variable that locks one to nonsense stops the start.
        store.check_locks()
