"""What accounts tells higher floors, without knowing them."""

from django.dispatch import Signal

# Sent inside the transaction that makes a person, with `user` and `actor` (a User, or None for the system).
user_registered = Signal()
