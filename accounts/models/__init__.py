"""Who people are, what they prove themselves with, and where each of them is signed in."""

from accounts.models.bulk_act import BulkAct
from accounts.models.factor import Passkey, RecoveryCode, Totp, has_factor
from accounts.models.identity import Identity, IdentityProvider
from accounts.models.lockout import Lockout
from accounts.models.session import Device, Session
from accounts.models.user import User, UserQuerySet
from accounts.models.user_import import UserImport

__all__ = [
    "BulkAct",
    "Device",
    "Identity",
    "IdentityProvider",
    "Lockout",
    "Passkey",
    "RecoveryCode",
    "Session",
    "Totp",
    "User",
    "UserImport",
    "UserQuerySet",
    "has_factor",
]
