"""The settings of the suite: those of the product, with keys of its own and cheap password hashes."""

import os

os.environ.setdefault("ENVIRONMENT", "production")
os.environ.setdefault("HTTPS_ONLY", "false")
os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("DATABASE_ENCRYPTION_KEY", "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=")
os.environ.setdefault("GATEHOUSE_DATA_DIR", "/tmp/gatehouse-tests")
# One name for all workers of a run, so that two runs at once never share a database.
os.environ.setdefault("GATEHOUSE_TEST_RUN", str(os.getpid()))

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

# Tests with threads need a database each thread can open, and no pool that would keep it from being dropped.
_run = os.environ["GATEHOUSE_TEST_RUN"]
_default = DATABASES["default"]  # noqa: F405
if _default["ENGINE"].endswith("sqlite3"):
    _default["TEST"] = {"NAME": str(DATA_DIR / f"test-{_run}.sqlite3")}  # noqa: F405
else:
    _default["TEST"] = {"NAME": f"test_gatehouse_{_run}"}
    _default.get("OPTIONS", {}).pop("pool", None)
# The suite changes settings in its own process; a thread that polls would hold connections to databases it drops.
SETTINGS_POLL_SECONDS = 0
# It is asynchronous alone, so that each request of a synchronous test would begin and end an event loop of its own.
MIDDLEWARE.remove("servestatic.middleware.ServeStaticMiddleware")  # noqa: F405
# Letters are kept where tests read them (tests/conftest.py: post).
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
# Whoever tests Redis starts one (tests/chat/test_fanout.py); that of the shell is somebody's own.
REDIS = {}
# The wait before a refusal is measured by a proof (proofs/enumeration.py), not by waiting in hundreds of tests.
REFUSAL_SECONDS = 0
