"""What evaluating a flag costs, beside django-waffle, Unleash's client and Flagsmith's engine in one run.

    uv run python benchmarks/flags.py [--quick]

All have the same rules, as near as each can: one person excluded, twenty targeted, one role (a group, a property, a
trait), and a quarter of everybody, sticky. The person who asks is none of those targeted, so that every rule is looked
at. All run with what they hold in memory and without a network. waffle cannot exclude anybody, and remembers people by
a cookie alone, which is given to it; it is measured a second time without groups, which ask the database each time.
Flagsmith's engine evaluates all flags it is given at once, as `flags_enabled` does; it is shown without any rule too,
where it has nothing to look at. The best of many rounds counts. Exits 1 where a figure misses its floor, or another is
quicker.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Run as a file, from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ONE_MICROSECONDS, FORTY_MICROSECONDS = 1.0, 20.0
FORTY = [f"new-search-{number}" for number in range(40)]
KEY = FORTY[0]
PEOPLE = 60
EXCLUDED, TARGETED = 1, range(2, 22)
SHARE = 25

type Ask = Callable[[str], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatehouse-") as folder:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "true",
            "ENVIRONMENT": "production",
            "GATEHOUSE_DATA_DIR": folder,
            "DATABASE_URL": f"sqlite:///{folder}/benchmark.sqlite3",
            "LOG_LEVEL": "ERROR",
        }
        return measure(60 if options.quick else 600, Path(folder))


def measure(rounds: int, folder: Path) -> int:
    import django
    from django.conf import settings

    settings.INSTALLED_APPS += ["waffle"]
    django.setup()
    # Nothing is noted of the queries that another has to make.
    settings.DEBUG = False
    from django.core.management import call_command
    from django.db import connection
    from django.test.utils import CaptureQueriesContext
    from django.utils.functional import SimpleLazyObject

    from accounts.models import User
    from rbac.backend import RoleBackend
    from settings_store import store
    from settings_store.flags import Subject, flag_enabled, flag_variant, flags_enabled, subject_of

    call_command("migrate", verbosity=0)
    for pk in range(1, PEOPLE + 1):
        User(pk=pk, username=f"person{pk}", email=f"person{pk}@example.org").save(force_insert=True)
    role_id = _own_flags()
    user = RoleBackend().get_user(PEOPLE)
    assert user is not None
    lazy = SimpleLazyObject(lambda: user)
    subject: Subject = subject_of(user)
    forty = _microseconds(lambda: flags_enabled(lazy), rounds, times=100)
    by_one = _microseconds(lambda: [flag_enabled(key, lazy) for key in FORTY], rounds, times=100)
    assert list(flags_enabled(lazy)) == FORTY
    _own_variants()
    with CaptureQueriesContext(connection) as queries:
        found = {flag_enabled(KEY, each) for each in (subject, user, lazy)} | {flags_enabled(lazy)[KEY]}
        flag_variant("prompt-style", lazy)
    assert len(found) == 1
    one = {
        "a Subject": _microseconds(lambda: flag_enabled(KEY, subject), rounds),
        "a User": _microseconds(lambda: flag_enabled(KEY, user), rounds),
        "request.user": _microseconds(lambda: flag_enabled(KEY, lazy), rounds),
        "request.user, a variant": _microseconds(lambda: flag_variant("prompt-style", lazy), rounds),
    }

    peers: dict[str, tuple[float, float]] = {}
    # One after the other: it is the same flags that change between.
    for name, groups in (("django-waffle", True), ("django-waffle without groups", False)):
        peers[name] = _both(_waffle(user, groups=groups), rounds)
    with _unleash(folder, user, role_id) as ask:
        peers["UnleashClient"] = _both(ask, rounds)
    peers["flagsmith-flag-engine"] = _flagsmith(user, role_id, rounds, with_rules=True)
    bare = _flagsmith(user, role_id, rounds, with_rules=False)
    store.stop()

    print(f"{'':<32}{'one flag, µs':>14}{'a second':>14}{'forty, µs':>12}")
    ours = {"Gatehouse": (one["request.user"], forty)}
    for name, (single, many) in (ours | peers | {"flagsmith-flag-engine, no rule": bare}).items():
        print(f"{name:<32}{single:>14.2f}{1e6 / single:>14,.0f}{many:>12.1f}")
    print(f"{'Gatehouse, forty one by one':<32}{'':>28}{by_one:>12.1f}\n")
    figures: list[tuple[str, float, float]] = [
        *((f"{name}, µs", figure, ONE_MICROSECONDS) for name, figure in one.items()),
        ("forty flags for request.user, µs", forty, FORTY_MICROSECONDS),
        ("queries of all these", len(queries), 0),
    ]
    for name, (single, many) in peers.items():
        figures += [
            (f"one flag, Gatehouse / {name}", one["request.user"] / single, 1),
            (f"forty flags, Gatehouse / {name}", forty / many, 1),
        ]
    for label, figure, floor in figures:
        print(f"{label:<60} {figure:>8.3f}   floor {floor:.2f}{'' if figure <= floor else '   MISSED'}")
    return 0 if all(figure <= floor for _label, figure, floor in figures) else 1


def _own_flags() -> int:
    """Make the flags as people do; answers the role that is targeted, which nobody here holds."""
    from rbac.actions import seed_system_roles
    from rbac.models import Role
    from settings_store import store
    from settings_store.flag.rules import FlagType

    seed_system_roles()
    role_id = Role.objects.get(name_key="supervisor").pk
    rules: dict[str, Any] = {
        "on": True,
        "excluded": [EXCLUDED],
        "people": list(TARGETED),
        "roles": [role_id],
        "share": SHARE * 100,
    }
    for key in FORTY:
        _make(key, FlagType.BOOLEAN, rules)
    store.refresh()
    return int(role_id)


def _own_variants() -> None:
    from settings_store import store
    from settings_store.flag.rules import FlagType

    styles = [{"name": name, "value": name, "weight": 5000} for name in ("brief", "plain")]
    _make("prompt-style", FlagType.STRING, {"on": True, "variants": styles})
    store.refresh()


def _make(key: str, kind: Any, rules: dict[str, Any]) -> None:
    from settings_store.actions import Description, create_flag, submit_change
    from settings_store.realms import key_of_flag

    create_flag(actor=None, key=key, kind=kind, description=Description(label=key))
    submit_change(actor=None, key=key_of_flag(key), environment="production", value=json.dumps(rules))


def _waffle(user: Any, *, groups: bool) -> Ask:
    from django.contrib.auth.models import Group
    from django.http import HttpRequest
    from waffle import flag_is_active
    from waffle.models import Flag

    group = Group.objects.get_or_create(name="supervisors")[0]
    for key in FORTY:
        flag = Flag.objects.update_or_create(name=key, defaults={"percent": SHARE, "superusers": False})[0]
        flag.users.set(TARGETED)
        flag.groups.set([group] if groups else [])
        flag.flush()
    request = HttpRequest()
    request.user = user
    # What an earlier answer gave the browser, so that no chance is taken again.
    request.COOKIES = {f"dwf_{key}": "True" for key in FORTY}
    return lambda key: flag_is_active(request, key)


@contextmanager
def _unleash(folder: Path, user: Any, role_id: int) -> Iterator[Ask]:
    from UnleashClient import UnleashClient  # type: ignore[attr-defined]  # it is, by another name for itself
    from UnleashClient.cache import FileCache

    not_excluded = {"contextName": "userId", "operator": "NOT_IN", "values": [str(EXCLUDED)]}
    in_role = {"contextName": "role", "operator": "IN", "values": [str(role_id)]}

    def rollout(share: int, key: str, *constraints: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": "flexibleRollout",
            "parameters": {"rollout": str(share), "stickiness": "userId", "groupId": key},
            "constraints": [not_excluded, *constraints],
        }

    features = [
        {
            "name": key,
            "type": "release",
            "enabled": True,
            "strategies": [
                {
                    "name": "userWithId",
                    "parameters": {"userIds": ",".join(map(str, TARGETED))},
                    "constraints": [not_excluded],
                },
                rollout(100, key, in_role),
                rollout(SHARE, key),
            ],
            "variants": [],
        }
        for key in FORTY
    ]
    cache = FileCache("benchmark", directory=str(folder))
    cache.bootstrap_from_dict({"version": 2, "features": features, "segments": []})
    client = UnleashClient(
        "http://127.0.0.1:9/api", "benchmark", cache=cache, disable_metrics=True, disable_registration=True
    )
    client.initialize_client(fetch_toggles=False)
    context = {"userId": str(user.pk), "properties": {"role": "0"}}
    assert client.is_enabled(KEY, {"userId": str(TARGETED[0])})
    assert client.is_enabled(KEY, {"userId": "1000", "properties": {"role": str(role_id)}})
    assert not client.is_enabled(KEY, {"userId": str(EXCLUDED), "properties": {"role": str(role_id)}})
    try:
        yield lambda key: client.is_enabled(key, context)
    finally:
        client.destroy()


def _flagsmith(user: Any, role_id: int, rounds: int, *, with_rules: bool) -> tuple[float, float]:
    """It evaluates all flags it is given at once, so one and forty are two contexts."""
    from flag_engine.engine import get_evaluation_result

    def context(keys: list[str], pk: int, role: str) -> Any:
        return {
            "environment": {"key": "production", "name": "production"},
            "identity": {"identifier": str(pk), "key": str(pk), "traits": {"role": role}},
            "features": {key: {"key": key, "name": key, "enabled": False, "value": None} for key in keys},
            "segments": {key: segment(key) for key in keys} if with_rules else {},
        }

    def segment(key: str) -> Any:
        identifier = "$.identity.identifier"
        return {
            "key": key,
            "name": key,
            "rules": [
                {
                    "type": "NONE",
                    "conditions": [{"property": identifier, "operator": "IN", "value": [str(EXCLUDED)]}],
                },
                {
                    "type": "ANY",
                    "conditions": [
                        {"property": identifier, "operator": "IN", "value": [str(pk) for pk in TARGETED]},
                        {"property": "role", "operator": "EQUAL", "value": str(role_id)},
                        {"property": "$.identity.key", "operator": "PERCENTAGE_SPLIT", "value": str(SHARE)},
                    ],
                },
            ],
            "overrides": [{"key": key, "name": key, "enabled": True, "value": None}],
        }

    if with_rules:
        on = [
            get_evaluation_result(context([KEY], pk, role))["flags"][KEY]["enabled"]
            for pk, role in ((TARGETED[0], "0"), (1000, str(role_id)), (EXCLUDED, str(role_id)))
        ]
        assert on == [True, True, False]
    one, forty = context([KEY], user.pk, "0"), context(FORTY, user.pk, "0")
    return (
        _microseconds(lambda: get_evaluation_result(one), rounds, times=100),
        _microseconds(lambda: get_evaluation_result(forty), rounds, times=4),
    )


def _both(ask: Ask, rounds: int) -> tuple[float, float]:
    return (
        _microseconds(lambda: ask(KEY), rounds, times=100),
        _microseconds(lambda: [ask(key) for key in FORTY], rounds, times=2),
    )


def _microseconds(act: Callable[[], object], rounds: int, times: int = 5_000) -> float:
    # Rounds of a few thousandths of a second, so that some of them are not broken into on a busy machine.
    return 1e6 * min(timeit.repeat(act, number=times, repeat=rounds)) / times


if __name__ == "__main__":
    sys.exit(main())
