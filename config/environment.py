"""The one reader of environment variables: typed, in one sentence when wrong, each documented in ``.env.example``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

# Spellings of drivers that other stacks put into a database address; the part behind the plus says nothing to Django.
DATABASE_SCHEMES = {
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "postgres": "postgres",
    "postgresql": "postgres",
    "pgsql": "postgres",
    "psql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
}


def data_dir() -> Path:
    """The folder of everything the installation keeps beside its database (GATEHOUSE_DATA_DIR)."""
    return Path(env.str("GATEHOUSE_DATA_DIR", default="data")).expanduser().resolve()


def database_url() -> str:
    """The database address, from whichever family of variables is set, in the one spelling Django understands.

    Raises ImproperlyConfigured, naming the variable, where the address cannot be understood.
    """
    url = env.str("DATABASE_URL", default="") or env.str("DATABASE__URL", default="") or _url_of_parts()
    scheme, separator, rest = url.partition("://")
    vendor = DATABASE_SCHEMES.get(scheme.lower().partition("+")[0])
    if not separator or vendor is None:
        raise ImproperlyConfigured(
            "DATABASE_URL must begin with sqlite://, postgresql:// or mysql:// "
            "(driver suffixes such as +asyncpg are accepted)."
        )
    return f"{vendor}://{rest}"


def _url_of_parts() -> str:
    client = env.str("DATABASE_CLIENT", default="") or env.str("DATABASE_PROVIDER", default="")
    prefix = "DATABASE_" if env.str("DATABASE_CLIENT", default="") else "DB_"
    vendor = DATABASE_SCHEMES.get(client.lower(), "sqlite" if not client else "")
    if not vendor:
        raise ImproperlyConfigured(
            f"DATABASE_CLIENT or DATABASE_PROVIDER must be sqlite, postgres or mysql, not {client!r}."
        )
    if vendor == "sqlite":
        file = env.str("DATABASE_FILENAME", default="") or str(data_dir() / "gatehouse.sqlite3")
        return f"sqlite:///{Path(file).expanduser().resolve()}"
    name, user, password = (env.str(prefix + part, default="") for part in ("NAME", "USER", "PASSWORD"))
    host = env.str(prefix + "HOST", default="127.0.0.1")
    port = env.str(prefix + "PORT", default="5432" if vendor == "postgres" else "3306")
    return f"{vendor}://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{quote(name or 'gatehouse')}"
