from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from ui.registry import registry


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = _("Gatehouse")

    def ready(self) -> None:
        from config import home

        registry.home_cards += home.CARDS
