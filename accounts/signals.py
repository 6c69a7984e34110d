"""What accounts tells higher floors, without knowing them."""

from django.dispatch import Signal

# Sent inside the transaction that makes a person, with `user`, `actor` (a User, or None for the system) and
# `has_rights`: whether what they may do is said by whoever makes them, right after. A receiver may answer a sentence
# for whoever makes them.
user_registered = Signal()

# Sent inside the transaction in which it is known what an identity provider says of somebody, with `user`, `provider`
# (an IdentityProvider) and `values`: the words its claim of roles bears. At each sign-in with it; with none of them
# where they are connected no more.
identity_claims = Signal()

# Sent inside the transaction that deletes an identity provider, before it is gone, with `provider` and `actor`.
identity_provider_leaving = Signal()
