"""`make access`: writes docs/access.md, who may do what, from what the routes declare; `--check` only compares."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "access.md"


def main() -> int:
    text = page()
    if PAGE.exists() and PAGE.read_text() == text:
        print(f"{PAGE.relative_to(ROOT)} says what is so.")
        return 0
    if "--check" in sys.argv[1:]:
        print(f"{PAGE.relative_to(ROOT)} is no longer true. Run `make access`.")
        return 1
    PAGE.write_text(text)
    print(f"{PAGE.relative_to(ROOT)} is written.")
    return 0


def page() -> str:
    """The page as it must be; needs no database."""
    # Run as a file, from anywhere, with the settings of the suite, which bring keys of their own.
    sys.path.insert(0, str(ROOT))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from tests.access.table import text

    return text()


if __name__ == "__main__":
    sys.exit(main())
