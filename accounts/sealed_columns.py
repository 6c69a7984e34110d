"""The sealed columns of this floor."""

from accounts.actions.identity_provider import seal_context
from accounts.actions.imports import seal_context as import_context
from accounts.factors import totp
from accounts.models import IdentityProvider, Totp, UserImport
from settings_store.sealed import SealedColumn, add

add(SealedColumn(IdentityProvider, "sealed_secret", context=seal_context))
add(SealedColumn(Totp, "sealed_secret", context=lambda row: totp.context(row.user), related=("user",)))
add(SealedColumn(UserImport, "sealed_file", context=import_context))
