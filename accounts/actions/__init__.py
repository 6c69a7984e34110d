"""Every change to people and their sessions."""

from accounts.actions.entry import change_password, give_password, record_failed_sign_in, sign_in, sign_out, step_up
from accounts.actions.session import revoke_other_sessions, revoke_session
from accounts.actions.user import activate_user, create_user, deactivate_user, update_profile, update_user

__all__ = [
    "activate_user",
    "change_password",
    "create_user",
    "deactivate_user",
    "give_password",
    "record_failed_sign_in",
    "revoke_other_sessions",
    "revoke_session",
    "sign_in",
    "sign_out",
    "step_up",
    "update_profile",
    "update_user",
]
