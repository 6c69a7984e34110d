"""What makes an empty database an installation, and what tells whether it is a sound one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from accounts.actions.user import create_user
from accounts.credentials import one_time_password
from accounts.models import User
from chat.actions.provider import register_local_model
from config.environment import env
from rbac.actions.assignment import assign_role
from rbac.actions.seeding import seed_system_roles
from rbac.models import Role
from rbac.system_roles import ADMIN, SYSTEM_ROLES
from settings_store import audit, sealed
from settings_store.health import put_back
from settings_store.trail.words import drop_words
from ui.registry import registry


@dataclass(frozen=True, slots=True)
class FirstPerson:
    """Somebody made by `initialise`; `password` is empty where the environment gave one, for it is known already."""

    username: str
    password: str


@transaction.atomic
def initialise(*, default_users: bool = True) -> list[FirstPerson]:
    """Bring roles, first people and the local model into being where they are missing; safe to repeat.

    Raises ValidationError, in a sentence, where the environment gives an e-mail address or a password that will not do.
    """
    seed_system_roles()
    people = _first_people() if default_users and not User.objects.exists() else []
    url = env.str("LOCAL_MODEL_URL", default="")
    if url:
        name = env.str("LOCAL_MODEL_NAME", default="")
        key = env.str("LOCAL_MODEL_KEY", default="")
        register_local_model(base_url=url, key=key, models=[name] if name else [])
    if people:
        audit.record("installation.initialised", actor=None, after={"people": [person.username for person in people]})
    return people


def _first_people() -> list[FirstPerson]:
    email = env.str("GATEHOUSE_ADMIN_EMAIL", default="") or "admin@localhost"
    given = env.str("GATEHOUSE_ADMIN_PASSWORD", default="")
    if given:
        _check(given, User(username="admin", email=email))
    made = []
    for username, address, known in (("admin", email, given), ("user", "user@localhost", "")):
        password = known or one_time_password()
        try:
            person = create_user(
                actor=None, username=username, email=address, password=password, must_change_password=not known
            )
        except ValidationError as error:
            raise ValidationError(
                _("GATEHOUSE_ADMIN_EMAIL will not do: %(reason)s") % {"reason": " ".join(error.messages)}
            ) from error
        if username == "admin":
            assign_role(actor=None, user=person, role=Role.objects.get(system_key=ADMIN))
        made.append(FirstPerson(username, "" if known else password))
    return made


def _check(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError(
            _("GATEHOUSE_ADMIN_PASSWORD will not do: %(reason)s") % {"reason": " ".join(error.messages)}
        ) from error


def leave_passwords(people: list[FirstPerson], *, file: Path) -> None:
    """Write the first passwords, a tab between name and password, into a file that its owner alone may read."""
    new = file.with_suffix(f".{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.writelines(f"{person.username}\t{person.password}\n" for person in people if person.password)
    new.replace(file)


def drop_everything() -> None:
    """Drop every table of ours, and nobody else's in a shared database; for `init --reset` alone."""
    cascade = " CASCADE" if connection.vendor == "postgresql" else ""
    before, after = {
        "sqlite": ("PRAGMA foreign_keys=OFF", "PRAGMA foreign_keys=ON"),
        "mysql": ("SET FOREIGN_KEY_CHECKS=0", "SET FOREIGN_KEY_CHECKS=1"),
        "postgresql": ("", "DROP FUNCTION IF EXISTS settings_store_refuse()"),
    }[connection.vendor]
    drop_words(connection)
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        if before:
            cursor.execute(before)
        for table in [*tables, MigrationRecorder.Migration._meta.db_table]:
            cursor.execute(f"DROP TABLE IF EXISTS {connection.ops.quote_name(table)}{cascade}")
        cursor.execute(after)


def faults() -> Iterator[str]:
    """What is not as it should be in this installation, one sentence each; nothing where all is sound."""
    roles = {role.system_key: role for role in Role.objects.all()}
    for wanted in SYSTEM_ROLES:
        role = roles.get(wanted.key)
        if role is None:
            yield _("The system role %(role)s is missing.") % {"role": wanted.name}
            continue
        held = set(role.group.permissions.values_list("codename", flat=True))
        if lacking := ", ".join(sorted(wanted.core(registry.permissions) - held)):
            yield _("The system role %(role)s lacks %(permissions)s.") % {"role": wanted.name, "permissions": lacking}
    if not any(user.has_perm("roles.admin") for user in User.objects.active()):
        yield _("Nobody who is active may administer roles.")
    for value in sealed.unopened():
        yield _("%(value)s does not open: %(why)s") % {"value": value, "why": value.error}
    for older in put_back():
        yield _("%(value)s does not open: %(why)s") % {"value": older, "why": older.error}
    for broken in audit.verify():
        yield _("The audit trail is broken at event %(sequence)d: %(fault)s") % {
            "sequence": broken.sequence,
            "fault": broken.sentence,
        }
        return


def first_sign_in_file() -> Path:
    folder: Path = settings.DATA_DIR
    return folder / "first-sign-in.txt"
