from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _

from ui.guard import foreign_routes
from ui.registry import Permission, registry


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = _("Gatehouse")

    def ready(self) -> None:
        from config import access, home

        registry.add_permissions(
            Permission(
                "system.read",
                _("See the state of the installation, and open the admin"),
                (
                    "admin.view_logentry",
                    "contenttypes.view_contenttype",
                    "django_tasks_database.view_dbtaskresult",
                ),
            )
        )
        registry.home_cards += home.CARDS
        foreign_routes.update(access.PREFIXES)


class GatehouseAdminConfig(AdminConfig):
    default_site = "config.admin_site.GatehouseAdminSite"
