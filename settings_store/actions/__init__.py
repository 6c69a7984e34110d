"""Every change of settings and of what surrounds them."""

from settings_store.actions.applying import apply_due
from settings_store.actions.definition import (
    BreaksValues,
    StaleDefinition,
    change_definition,
    create_definition,
    restore_definition,
    retire_definition,
)
from settings_store.actions.flag import (
    Description,
    StaleFlag,
    archive_flag,
    create_flag,
    describe_flag,
    restore_flag,
)
from settings_store.actions.proposal import (
    ABOUT_NOTE,
    ABOUT_TIME,
    approve,
    decline,
    propose_unprotect,
    protect,
    submit_change,
    withdraw,
)
from settings_store.actions.rollback import RolledBack, roll_back
from settings_store.actions.rules import Seen, change_rules
from settings_store.actions.setting import (
    ABOUT_REASON,
    REASON_LENGTH,
    Change,
    ProtectedSetting,
    StaleSetting,
    change_setting,
    change_settings,
    clear_setting,
)
from settings_store.actions.switch import AlreadyProposed, switch_flag, undo_change

__all__ = [
    "ABOUT_NOTE",
    "ABOUT_REASON",
    "ABOUT_TIME",
    "REASON_LENGTH",
    "AlreadyProposed",
    "BreaksValues",
    "Change",
    "Description",
    "ProtectedSetting",
    "RolledBack",
    "Seen",
    "StaleDefinition",
    "StaleFlag",
    "StaleSetting",
    "apply_due",
    "approve",
    "archive_flag",
    "change_definition",
    "change_rules",
    "change_setting",
    "change_settings",
    "clear_setting",
    "create_definition",
    "create_flag",
    "decline",
    "describe_flag",
    "propose_unprotect",
    "protect",
    "restore_definition",
    "restore_flag",
    "retire_definition",
    "roll_back",
    "submit_change",
    "switch_flag",
    "undo_change",
    "withdraw",
]
