from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from ui.registry import HealthCheck, IdentityProviderTab, Permission, ProfileTab, RailEntry, UserTab, registry


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        # Models must be loaded first.
        from accounts import history_words, home, letters, links, palette, sealed_columns, setting_definitions  # noqa: F401
        from accounts.actions.bulk import forget_old_acts
        from accounts.actions.imports import forget_old_imports
        from accounts.acts import ACTS
        from accounts.filters import FILTERS
        from accounts.mail_health import mail_trouble
        from accounts.obstacles import OBSTACLES
        from settings_store import key_use

        registry.add_permissions(
            Permission(
                "users.read",
                _("See people of the own team"),
                (
                    "accounts.view_user",
                    "accounts.view_session",
                    "accounts.view_device",
                    "accounts.view_totp",
                    "accounts.view_recoverycode",
                    "accounts.view_passkey",
                    "accounts.view_lockout",
                    "accounts.view_identity",
                    "accounts.view_userimport",
                    "accounts.view_bulkact",
                ),
            ),
            Permission(
                "users.write",
                _("Create and change people, end their sessions"),
                ("accounts.add_user", "accounts.change_user"),
            ),
            Permission("users.delete", _("Deactivate people and let them in again")),
            Permission("users.admin", _("Act as somebody else, reset their factors")),
            Permission("users.all", _("See everyone, not the own team alone")),
        )
        registry.add_permissions(
            Permission("identities.read", _("See identity providers"), ("accounts.view_identityprovider",)),
            Permission("identities.write", _("Set up identity providers and the roles their claims give")),
        )
        key_use.with_each_round(forget_old_imports, "Old imports of people could not be forgotten")
        key_use.with_each_round(forget_old_acts, "Old acts upon many people could not be forgotten")
        registry.obstacles += OBSTACLES
        registry.health_checks.append(HealthCheck("mail", mail_trouble, is_fatal=False))
        registry.home_cards += home.CARDS
        registry.palette.append(palette.PEOPLE)
        registry.palette_pages += palette.PAGES
        registry.user_filters += FILTERS
        registry.user_acts += ACTS
        registry.profile_tabs += [
            ProfileTab(_("Details"), "accounts:profile", order=10),
            ProfileTab(_("Security"), "accounts:profile_security", order=20),
            ProfileTab(_("Sessions"), "accounts:profile_sessions", order=30),
            ProfileTab(_("History"), "accounts:profile_history", order=90),
        ]
        registry.rail += [
            RailEntry(_("People"), _("Users"), "accounts:user_list", "users", permission="users.read", order=3010),
            RailEntry(
                _("People"),
                _("Identity providers"),
                "accounts:identity_provider_list",
                "log-in",
                permission="identities.read",
                order=3030,
            ),
        ]
        registry.identity_provider_tabs += [
            IdentityProviderTab(_("Details"), "accounts:identity_provider_detail", "identities.read", order=10),
            IdentityProviderTab(_("History"), "accounts:identity_provider_history", "audit.read", order=90),
        ]
        registry.object_links["accounts.user"] = links.user_page
        registry.object_links["accounts.identityprovider"] = links.identity_provider_page
        registry.object_links["accounts.userimport"] = links.user_import_page
        registry.user_tabs += [
            UserTab(_("Details"), "accounts:user_detail", permission="users.read", order=10),
            UserTab(_("Sessions"), "accounts:user_sessions", permission="users.read", order=30),
            UserTab(_("Factors"), "accounts:user_factors", permission="users.read", order=40),
            UserTab(_("History"), "accounts:user_history", permission="audit.read", order=90),
        ]
