"""The letters that tell people of what happened to their account, a module for each topic.

A letter that answers what a stranger may have asked names nobody but its reader, and what to do where it was not them.
"""

from accounts.letters import device, factor, identity, impersonation, lockout, passkey, password, registration

__all__ = ["device", "factor", "identity", "impersonation", "lockout", "passkey", "password", "registration"]
