"""What each process of a proof of contention does: change one thing again and again, beside all others."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable


def contend(next_version: Callable[[], None], *, writes: int, number: int) -> str:
    """So many changes by process `number`, every second one behind the lock; how often it was too late, and faults."""
    from django.db import Error, transaction

    from settings_store.actions import StaleSetting
    from settings_store.actions.setting import lock_settings

    waits = number % 2 == 1
    late, faults, done = 0, 0, 0
    while done < writes:
        try:
            if waits:
                with transaction.atomic():
                    lock_settings()
                    next_version()
            else:
                next_version()
            done += 1
        except StaleSetting:
            late += 1
            # A moment of its own, as a person has who looks at what changed: else all of them try again at once.
            time.sleep(random.uniform(0, 0.02 * min(late, 5)))  # noqa: S311 - no secret
        except Error as error:
            faults += 1
            print(f"  {type(error).__name__}: {error}", file=sys.stderr)
            if faults > 20:
                break
    return f"{late} {faults}"
