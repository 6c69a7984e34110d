"""Signing in with OpenID Connect: the protocol alone. Who somebody is here, `accounts.actions.identity` decides."""
