"""Password hashers of the house, where Django's own would stumble."""

from __future__ import annotations

from django.contrib.auth.hashers import BCryptPasswordHasher
from django.utils.encoding import force_bytes
from django.views.decorators.debug import sensitive_variables

# What a library says of a hash that it cannot read, depending on the kind of damage.
UNREADABLE = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)

# bcrypt never looked at more; its library has come to refuse what is longer.
BYTES = 72


class BCryptHasher(BCryptPasswordHasher):
    """bcrypt as everybody else writes it, which looks at the first 72 bytes of a password."""

    @sensitive_variables("password")
    def encode(self, password: str, salt: str | bytes) -> str:
        return super().encode(force_bytes(password)[:BYTES], salt)  # type: ignore[arg-type]  # takes bytes as well
