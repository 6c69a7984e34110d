"""The settings of the suite: those of the product, with keys of its own and cheap password hashes."""

import os

os.environ.setdefault("ENVIRONMENT", "production")
os.environ.setdefault("HTTPS_ONLY", "false")
os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("DATABASE_ENCRYPTION_KEY", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
os.environ.setdefault("GATEHOUSE_DATA_DIR", "/tmp/gatehouse-tests")

from config.settings import *  # noqa: F403

# One fast hash keeps a suite of hundreds of sign-ins short; the real hasher has tests of its own.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.MD5PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
SERVESTATIC_USE_FINDERS = SERVESTATIC_AUTOREFRESH = True
