"""Settings of the installation as Django sees them; everything that varies comes from the environment."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from django.utils.translation import gettext_lazy as _

from config.environment import data_dir, database, env, mailer, public_url, redis, trusted_proxies
from config.logging import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = data_dir()
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

# ENVIRONMENT chooses which settings of the house apply; DEBUG alone relaxes safety.
ENVIRONMENT = env.str("ENVIRONMENT", default="production")
ENVIRONMENTS = ("development", "staging", "production")
DEBUG = env.bool("DEBUG", default=False)
if ENVIRONMENT not in ENVIRONMENTS:
    raise ImproperlyConfigured(f"ENVIRONMENT must be one of {', '.join(ENVIRONMENTS)}, not {ENVIRONMENT!r}.")

# Keys made for a debug server only, so that `manage.py` answers on a fresh checkout; nothing real is sealed with them.
DEBUG_SECRET_KEY = "debug-only-" + "0" * 50
DEBUG_ENCRYPTION_KEY = "ZGVidWctb25seS1kZWJ1Zy1vbmx5LWRlYnVnLW9ubHk="


def _required(name: str, *, debug: str) -> str:
    value = env.str(name, default="")
    if value or DEBUG:
        return value or debug
    raise ImproperlyConfigured(
        f"{name} is not set. `make run` makes one by itself; started any other way, "
        f"set it in the environment (see .env.example), or DEBUG=true for a throw-away server."
    )


SECRET_KEY = _required("SECRET_KEY", debug=DEBUG_SECRET_KEY)
DATABASE_ENCRYPTION_KEY = _required("DATABASE_ENCRYPTION_KEY", debug=DEBUG_ENCRYPTION_KEY)
# A keyring per environment: this one's, and those of the others whose secrets may be set from here.
DATABASE_ENCRYPTION_KEYS = {
    **{name: env.str(f"DATABASE_ENCRYPTION_KEY_{name.upper()}", default="") for name in ENVIRONMENTS},
    ENVIRONMENT: DATABASE_ENCRYPTION_KEY,
}
# GATEHOUSE_SETTING_CHAT_DEFAULT_MODEL locks chat.default_model to its value, in this installation.
SETTING_LOCKS: dict[str, str] = {
    name: value for name, value in env.ENVIRON.items() if name.startswith("GATEHOUSE_SETTING_")
}
# How often each process asks whether a setting was changed elsewhere; 0 never asks.
SETTINGS_POLL_SECONDS = 0.25

# HTTPS_ONLY is what a public address needs; `make run` on loopback speaks plain HTTP and turns it off.
HTTPS_ONLY = env.bool("HTTPS_ONLY", default=not DEBUG)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Networks of the reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = trusted_proxies()

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "chat.apps.ChatConfig",
    "rbac.apps.RbacConfig",
    "accounts.apps.AccountsConfig",
    "settings_store.apps.SettingsStoreConfig",
    "ui.apps.UiConfig",
    "config.apps.GatehouseAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_structlog",
    "django_tasks_db",
    "servestatic",
    *(["django_browser_reload"] if DEBUG else []),
]

MIDDLEWARE = [
    "settings_store.middleware.CircumstancesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "config.middleware.SecurityHeadersMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.impersonation.ImpersonationMiddleware",
    "config.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.RequestLogMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    *(["django_browser_reload.middleware.BrowserReloadMiddleware"] if DEBUG else []),
    # Innermost, and synchronous: it keeps all of the above that can be so on one thread, once in and once out.
    "accounts.middleware.ActivityMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.csp",
                "ui.context.frame",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "ui.templatetags.ui",
            ],
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {"default": database()}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["OPTIONS"].setdefault(
        "pool", {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=10), "timeout": 10}
    )
# Carries the text of answers from one web process to another; the database does it alone where there is none.
REDIS = redis()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
# Usernames are unique by their normalised column (User.username_key).
# X-Frame-Options is one of the headers of SecurityHeadersMiddleware.
SILENCED_SYSTEM_CHECKS = ["auth.W004", "security.W002"]
AUTHENTICATION_BACKENDS = ["rbac.backend.RoleBackend"]
# The first one makes new hashes; the others are what people bring along from elsewhere, renewed at their next sign-in.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "accounts.hashers.BCryptHasher",
]
# A refused sign-in is answered at the next multiple of this since it came, whatever it was refused for.
REFUSAL_SECONDS = 1.0
# What the settings of the house say of passwords (accounts.password.*) stands in accounts/password_policy.py.
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "email")},
    },
    {"NAME": "accounts.password_policy.LengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.password_policy.StrengthValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# A name with the __Host- prefix is refused by browsers over plain HTTP, so the name follows the scheme.
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_NAME = "__Host-gatehouse-session" if HTTPS_ONLY else "gatehouse-session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The longest any session may live; the shorter limits of the house are settings (accounts.session.*).
SESSION_COOKIE_AGE = 30 * 24 * 3600
DEVICE_COOKIE_NAME = "__Host-gatehouse-device" if HTTPS_ONLY else "gatehouse-device"
CSRF_COOKIE_NAME = "__Host-gatehouse-csrf" if HTTPS_ONLY else "gatehouse-csrf"
CSRF_FAILURE_VIEW = "config.views.csrf_failure"
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# An image brings its static files along; elsewhere they lie beside the data.
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}
SERVESTATIC_USE_FINDERS = SERVESTATIC_AUTOREFRESH = DEBUG

# What may wait is kept in the database, in the transaction of what it belongs to; `manage.py db_worker` does it.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": []}}

# Where links in letters lead: the address under which people reach this installation.
PUBLIC_URL = public_url()
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", default="Gatehouse <gatehouse@localhost>")
MAILERS = {"default": mailer(DATA_DIR / "mail")}

# The request id is ours (CircumstancesMiddleware puts it into the header); so is the address, which the package would
# take from whatever the client sent.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
# A reader who leaves an answer on its way is nothing to be warned of.
DJANGO_STRUCTLOG_REQUEST_CANCELLED_LOG_LEVEL = logging.INFO
# Asking who it is would load a session even for /healthz; who is known is bound where activity is noted.
DJANGO_STRUCTLOG_USER_ID_FIELD = None
LOGGING = logging_config(level=env.str("LOG_LEVEL", default="INFO"), human=DEBUG)
