"""Every change to people and their sessions."""

from accounts.actions.bulk import ask_act, begin_act, record_export, resume_act
from accounts.actions.entry import sign_in, sign_out, step_up
from accounts.actions.factor import (
    forget_device,
    forget_devices,
    make_recovery_codes,
    record_refused_code,
    remove_app,
    reset_factors,
    set_up_app,
    use_app_code,
    use_recovery_code,
)
from accounts.actions.impersonation import end_impersonation, start_impersonation
from accounts.actions.lockout import unlock_user
from accounts.actions.passkey import add_passkey, record_refused_passkey, remove_passkey, rename_passkey, use_passkey
from accounts.actions.password import ask_reset, change_password, give_password, reset_password
from accounts.actions.registration import (
    accept_invitation,
    ask_address,
    ask_registration,
    ask_verification,
    confirm_address,
    register,
    renew_invitation,
    withdraw_invitation,
)
from accounts.actions.session import drop_session, revoke_all_sessions, revoke_other_sessions, revoke_session
from accounts.actions.team import MovedMeanwhile, move_user
from accounts.actions.user import (
    activate_user,
    create_user,
    deactivate_user,
    require_password_change,
    update_profile,
    update_user,
)

__all__ = [
    "MovedMeanwhile",
    "accept_invitation",
    "activate_user",
    "add_passkey",
    "ask_act",
    "ask_address",
    "ask_registration",
    "ask_reset",
    "ask_verification",
    "begin_act",
    "change_password",
    "confirm_address",
    "create_user",
    "deactivate_user",
    "drop_session",
    "end_impersonation",
    "forget_device",
    "forget_devices",
    "give_password",
    "make_recovery_codes",
    "move_user",
    "record_export",
    "record_refused_code",
    "record_refused_passkey",
    "register",
    "remove_app",
    "remove_passkey",
    "rename_passkey",
    "renew_invitation",
    "require_password_change",
    "reset_factors",
    "reset_password",
    "resume_act",
    "revoke_all_sessions",
    "revoke_other_sessions",
    "revoke_session",
    "set_up_app",
    "sign_in",
    "sign_out",
    "start_impersonation",
    "step_up",
    "unlock_user",
    "update_profile",
    "update_user",
    "use_app_code",
    "use_passkey",
    "use_recovery_code",
    "withdraw_invitation",
]
