"""What proves people besides a password: codes of an authenticator app and recovery codes."""
