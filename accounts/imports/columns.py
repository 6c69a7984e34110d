"""What a file of people may hold: the columns of this floor and those that higher floors understand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from ui.registry import Text, registry


@dataclass(frozen=True, slots=True)
class Column:
    """One of them; `headings` are the words, without spaces and signs, by which it is recognised."""

    name: str
    label: Text
    headings: Sequence[str]
    required: bool = False


OWN = (
    Column(
        "email", _("Email address"), ("email", "emailaddress", "mail", "correo", "correoelectronico"), required=True
    ),
    Column("username", _("Username"), ("username", "user", "login", "account", "usuario")),
    Column("full_name", _("Full name"), ("fullname", "name", "displayname", "nombre")),
    Column("supervisor", _("Supervisor"), ("supervisor", "manager", "reportsto", "boss")),
    Column("active", _("Active"), ("active", "isactive", "enabled")),
    Column("hash", _("Password hash"), ("passwordhash", "hash", "password", "encodedpassword")),
)


def every_column() -> list[Column]:
    further = sorted(registry.import_columns, key=lambda column: column.order)
    return [*OWN, *(Column(column.name, column.label, column.headings) for column in further)]
