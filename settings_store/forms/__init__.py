"""What people send about settings and ask of the trail."""

from settings_store.forms.audit import AuditFilter
from settings_store.forms.definition import TYPES, DefinitionForm
from settings_store.forms.setting import SettingForm, value_field

__all__ = ["TYPES", "AuditFilter", "DefinitionForm", "SettingForm", "value_field"]
