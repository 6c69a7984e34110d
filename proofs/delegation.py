"""Whether anybody can come to more than whoever acted had: thousands of random houses, and random acts in each.

    uv run python proofs/delegation.py [--quick | --cases N] [--seed N]

A case is a house of random roles (priorities, parents, permissions, those of other programs too, second factors) and
people who hold some of them, with three to eight acts of random people: making, editing, cloning and deleting roles,
giving, changing and taking them, reviews, invitations, claims of identity providers, moving people, their addresses and
passwords, acting as somebody. After each act nobody may hold, or be promised, what the actor lacked at that moment, no
person and no role beyond the actor's reach may have changed, somebody is admin for good, and neither roles nor people
form a circle. Runs on SQLite, and on PostgreSQL and MariaDB, a tenth of the cases each, where these answer. Exits 1
where a figure misses its floor; what broke is printed as the shortest such case.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.databases import EVERY, fresh_database

CASES, QUICK_CASES = 5000, 150
# Of the acts tried: where nearly all are refused, or none, nothing is proved.
LEAST_DONE, LEAST_REFUSED = 0.1, 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CASES} cases, on SQLite alone")
    parser.add_argument("--cases", type=int, help=f"how many ({CASES})")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the random cases")
    parser.add_argument("--house", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = options.cases or (QUICK_CASES if options.quick else CASES)
    if options.house:
        return 0 if prove(cases, options.seed) else 1
    print(f"seed {options.seed}")
    failed = False
    for name in EVERY[:1] if options.quick else EVERY:
        with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder, fresh_database(name, folder=folder) as url:
            if not url:
                continue
            some = cases if name == "SQLite" else max(cases // 10, 1)
            print(f"\n{name}", flush=True)
            # The settings of the suite, whose password hashes cost nothing.
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "GATEHOUSE_DATA_DIR": folder,
                "DATABASE_URL": url,
                "LOG_LEVEL": "CRITICAL",
            }
            command = [sys.executable, __file__, "--house", "--cases", str(some), "--seed", str(options.seed)]
            failed |= bool(subprocess.run(command, env=environment).returncode)
    return 1 if failed else 0


def prove(cases: int, seed: int) -> bool:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    from tests.rbac.delegation import Act, House, Tally, acts, houses, kinds, prepare, run

    prepare()
    tally, violations = Tally(), 0

    @seeded(seed)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(house=houses, tried=acts())
    def every(house: House, tried: list[Act]) -> None:
        run(house, tried, tally)

    begun = time.monotonic()
    try:
        every()
    except AssertionError as violation:
        violations = 1
        print(f"  {violation}")
    done, refused = sum(tally.done.values()), sum(tally.refused.values())
    print(f"  {'act':<18}{'done':>8}{'refused':>10}")
    for kind in kinds():
        print(f"  {kind:<18}{tally.done[kind]:>8}{tally.refused[kind]:>10}")
    tried = max(done + refused, 1)
    # Some are seldom allowed, and a few cases may miss them.
    least = len(kinds()) if cases >= 1000 else len(kinds()) // 2
    figures: list[tuple[str, float, str, bool]] = [
        ("cases", tally.cases, f"{cases}", tally.cases >= cases),
        ("kinds of acts that were done", len(tally.done), f"{least}", len(tally.done) >= least),
        ("acts done, share", done / tried, f"{LEAST_DONE}", done / tried >= LEAST_DONE),
        ("acts refused, share", refused / tried, f"{LEAST_REFUSED}", refused / tried >= LEAST_REFUSED),
        ("violations", violations, "0", not violations),
    ]
    print(f"  {tried} acts in {time.monotonic() - begun:.0f} s")
    for label, figure, floor, is_met in figures:
        print(f"  {label:<32}{figure:>10.4g}   floor {floor}{'' if is_met else '   MISSED'}")
    return all(is_met for *_rest, is_met in figures)


if __name__ == "__main__":
    sys.exit(main())
