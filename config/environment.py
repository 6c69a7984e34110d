"""The one reader of environment variables: typed, in one sentence when wrong, each documented in ``.env.example``."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):  # type: ignore[misc]  # the package has no types
    """Takes values as they stand: a password that begins with a dollar sign is not the name of another variable."""

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, parse_default: bool = False
    ) -> Any:
        value = self.ENVIRON.get(var)
        if isinstance(value, str) and value.startswith("$"):
            return self.parse_value(value, cast)
        return super().get_value(var, cast=cast, default=default, parse_default=parse_default)


env = Environment()

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


def trusted_proxies() -> list[str]:
    """The networks of the reverse proxies that are believed, each in its strict form (TRUSTED_PROXIES)."""
    texts: list[str] = env.list("TRUSTED_PROXIES", default=[])
    try:
        return [str(ip_network(text.strip(), strict=False)) for text in texts if text.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES must be a comma-separated list of networks: {error}.") from error


def public_url() -> str:
    """The address under which people reach this installation, where links in letters lead (PUBLIC_URL).

    Raises ImproperlyConfigured where letters leave this machine and it is not said.
    """
    url = env.str("PUBLIC_URL", default="")
    if not url and env.str("EMAIL_URL", default="").partition(":")[0] not in {"", "console"}:
        raise ImproperlyConfigured(
            "PUBLIC_URL is not set, and letters are sent (EMAIL_URL): say under which address people reach this "
            "installation, such as https://gatehouse.example, or the links in letters lead nowhere."
        )
    return url or "http://localhost:8000"


def mailer(folder: Path) -> dict[str, Any]:
    """How letters are sent (EMAIL_URL): smtp://, smtp+tls:// (STARTTLS) or smtps://, or console://.

    Without it they are written into `folder`, on a debug server onto the console. Raises ImproperlyConfigured.
    """
    url = env.str("EMAIL_URL", default="")
    if not url and not env.bool("DEBUG", default=False):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {"BACKEND": "django.core.mail.backends.filebased.EmailBackend", "OPTIONS": {"file_path": str(folder)}}
    if not url or url.startswith("console:"):
        return {"BACKEND": "django.core.mail.backends.console.EmailBackend"}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Refused below, without what was read.
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("smtp", "smtp+tls", "smtps") or not parts.hostname or port == 0:
        # Never the address itself: it holds a password.
        raise ImproperlyConfigured(
            "EMAIL_URL must look like smtp+tls://name:password@host:587, with smtp://, smtp+tls:// or smtps://."
        )
    secure = {"use_tls": parts.scheme == "smtp+tls", "use_ssl": parts.scheme == "smtps"}
    options = {
        "host": parts.hostname,
        "port": port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "timeout": 20,
        **secure,
    }
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def redis() -> dict[str, Any]:
    """Where Redis or Valkey is, as its client takes it (REDIS_URL); empty where the house has none.

    Name and password stand apart from the address, so that none of them is shown with it. Raises ImproperlyConfigured.
    """
    url = env.str("REDIS_URL", default="")
    if not url:
        return {}
    try:
        parts = urlsplit(url)
        host, port, number = parts.hostname or "", parts.port or 6379, int(parts.path.strip("/") or 0)
    except ValueError:
        # Refused below, without what was read.
        parts, host, port, number = urlsplit(""), "", 0, 0
    scheme = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}.get(parts.scheme)
    if not scheme or not host or parts.query:
        raise ImproperlyConfigured(
            "REDIS_URL must look like redis://name:password@host:6379/0, with redis://, rediss://, valkey:// or valkeys://."
        )
    return {
        "url": f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/{number}",
        "username": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
    }


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


def database() -> dict[str, Any]:
    """The database as Django connects to it, without a pool; raises ImproperlyConfigured as `database_url` does."""
    # What stands as `?name=value` behind the address is an option of the driver, and wins over ours.
    config: dict[str, Any] = env.db_url_config(database_url())
    given = config.get("OPTIONS", {})
    config["CONN_MAX_AGE"] = 0
    match config["ENGINE"].rpartition(".")[2]:
        case "sqlite3":
            options: dict[str, Any] = {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # INSERT OR REPLACE fires delete triggers only with recursive_triggers, and the trail relies on them.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA recursive_triggers=ON;",
            }
        case "postgresql":
            mode = env.str("DATABASE_SSL_MODE", default="")
            options = {"sslmode": mode} if mode else {}
        case _:
            _use_pymysql()
            options = {
                "charset": "utf8mb4",
                "isolation_level": "read committed",
                "sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
            }
    config["OPTIONS"] = options | given
    return config


def _use_pymysql() -> None:
    """Django knows the driver by the name of another one, which would have to be compiled."""
    import pymysql

    pymysql.install_as_MySQLdb()


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
        return f"sqlite:///{quote(str(Path(file).expanduser().resolve()))}"
    name, user, password = (env.str(prefix + part, default="") for part in ("NAME", "USER", "PASSWORD"))
    host = env.str(prefix + "HOST", default="127.0.0.1")
    port = env.str(prefix + "PORT", default="5432" if vendor == "postgres" else "3306")
    return f"{vendor}://{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/{quote(name or 'gatehouse')}"
