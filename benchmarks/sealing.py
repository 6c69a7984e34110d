"""What sealing and opening a secret of 48 bytes costs, and how many bytes it takes in the database.

    uv run python benchmarks/sealing.py [--quick]

The best of several rounds counts. Exits 1 where a figure misses its floor.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SECRET = b"s" * 48
MICROSECONDS = 3.0
BYTES = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().quick else 20
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DEBUG": "true", "GATEHOUSE_DATA_DIR": folder}
        return measure(rounds)


def measure(rounds: int) -> int:
    import django

    django.setup()
    from settings_store.crypto import open_sealed, seal

    sealed = seal(SECRET, context="benchmark")
    figures = (
        ("sealing, µs", _microseconds(lambda: seal(SECRET, context="benchmark"), rounds), MICROSECONDS),
        ("opening, µs", _microseconds(lambda: open_sealed(sealed, context="benchmark"), rounds), MICROSECONDS),
        ("bytes", len(sealed), BYTES),
    )
    for label, figure, floor in figures:
        print(f"{label:<14} {figure:>8.2f}   floor {floor:g}{'' if figure <= floor else '   MISSED'}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


def _microseconds(act: Callable[[], bytes], rounds: int) -> float:
    times = 10_000
    return 1e6 * min(timeit.repeat(act, number=times, repeat=rounds)) / times


if __name__ == "__main__":
    sys.exit(main())
