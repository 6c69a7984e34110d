"""`make check`: everything that can be known without running the product. Goes through all, then says what failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PACKAGES = ["config", "chat", "rbac", "accounts", "settings_store", "ui"]

# Keys for a moment: the checks of deployment look at their length and at nothing they protect.
ENVIRONMENT = {
    "SECRET_KEY": "for the checks alone " + "".join(chr(33 + number) for number in range(60)),
    "DATABASE_ENCRYPTION_KEY": "Zm9yLXRoZS1jaGVja3MtYWxvbmUtMzItYnl0ZXMtISE=",
    "ALLOWED_HOSTS": "gatehouse.example",
    "PUBLIC_URL": "https://gatehouse.example",
    "EMAIL_URL": "smtps://mail.gatehouse.example",
    "GATEHOUSE_DATA_DIR": "/tmp/gatehouse-check",
    "DEBUG": "false",
}


def commands() -> dict[str, list[str]]:
    templates = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "templates").rglob("*.html"))
    manage = [str(BIN / "python"), "manage.py"]
    return {
        "ruff": [str(BIN / "ruff"), "check", "."],
        "ruff format": [str(BIN / "ruff"), "format", "--check", "."],
        "djade": [str(BIN / "djade"), "--target-version", "6.1", "--check", *templates],
        "djlint": [str(BIN / "djlint"), "--lint", "--quiet", "templates"],
        "mypy": [str(BIN / "mypy"), *PACKAGES, "tests", *(name for name in ("proofs", "benchmarks") if _has(name))],
        "mypy scripts": [str(BIN / "mypy"), "scripts"],
        "lint-imports": [str(BIN / "lint-imports")],
        "deptry": [str(BIN / "deptry"), "."],
        "check --deploy": [*manage, "check", "--deploy", "--fail-level", "WARNING"],
        "makemigrations": [*manage, "makemigrations", "--check", "--dry-run"],
    }


def _has(folder: str) -> bool:
    return any((ROOT / folder).glob("*.py"))


def main() -> int:
    failed = []
    for name, command in commands().items():
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        print(f"{'failed' if done.returncode else 'ok':<8}{name}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout.decode(errors="replace").rstrip(), flush=True)
    if failed:
        print(f"\nNot well: {', '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
