from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from ui.registry import registry


class UiConfig(AppConfig):
    name = "ui"
    verbose_name = _("Look")

    def ready(self) -> None:
        from ui.palette import PAGES

        registry.palette.append(PAGES)
