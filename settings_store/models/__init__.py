"""Rows of the ground floor: settings and proposals, flags, the audit trail, keys in use, counters of limits."""

from settings_store.models.flag import Flag, FlagUse
from settings_store.models.keys import ChainKey, KeyUse
from settings_store.models.limits import LimitCounter
from settings_store.models.proposal import Proposal, Protection
from settings_store.models.setting import (
    OwnSetting,
    SealedVersion,
    Setting,
    SettingImport,
    SettingVersion,
    StoreVersion,
    who_in_words,
)
from settings_store.models.trail import AuditEvent, AuditHead

__all__ = [
    "AuditEvent",
    "AuditHead",
    "ChainKey",
    "Flag",
    "FlagUse",
    "KeyUse",
    "LimitCounter",
    "OwnSetting",
    "Proposal",
    "Protection",
    "SealedVersion",
    "Setting",
    "SettingImport",
    "SettingVersion",
    "StoreVersion",
    "who_in_words",
]
