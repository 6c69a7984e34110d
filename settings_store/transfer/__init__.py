"""Settings on their way in and out of the house: files of YAML, JSON or .env, and secrets under a passphrase."""
