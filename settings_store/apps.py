from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SettingsStoreConfig(AppConfig):
    name = "settings_store"
    verbose_name = _("Settings")
