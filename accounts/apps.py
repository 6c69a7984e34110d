from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from ui.registry import Permission, RailEntry, UserTab, registry


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from accounts import links, setting_definitions  # noqa: F401,  - models must be loaded first

        registry.add_permissions(
            Permission("users.read", _("See people of the own team"), ("accounts.view_user", "accounts.view_session")),
            Permission(
                "users.write",
                _("Create and change people, end their sessions"),
                ("accounts.add_user", "accounts.change_user"),
            ),
            Permission("users.delete", _("Deactivate people and let them in again")),
            Permission("users.admin", _("Act as somebody else, reset their factors")),
            Permission("users.all", _("See everyone, not the own team alone")),
        )
        registry.rail.append(
            RailEntry(_("People"), _("Users"), "accounts:user_list", "users", permission="users.read", order=3010)
        )
        registry.object_links["accounts.user"] = links.user_page
        registry.user_tabs += [
            UserTab(_("Details"), "accounts:user_detail", permission="users.read", order=10),
            UserTab(_("Sessions"), "accounts:user_sessions", permission="users.read", order=30),
            UserTab(_("History"), "accounts:user_history", permission="audit.read", order=90),
        ]
