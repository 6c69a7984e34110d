"""Acts upon many people: which are offered to whom, and how many people one may concern."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import QueryDict

from accounts.models import BulkAct, User
from ui.registry import UserAct, registry

# As many people as one act may concern.
MOST = 5000
# As many as are done while somebody waits for the page; more become a task.
AT_ONCE = 100
# Refusals that are told one by one.
MOST_TOLD = 200


def offered(viewer: User) -> list[UserAct]:
    """The acts this person may do at all, in their order; whom they may do them to is asked for each person."""
    return sorted(
        (act for act in registry.user_acts if viewer.has_perm(act.permission)), key=lambda act: (act.order, act.name)
    )


def found(viewer: User, name: str) -> UserAct | None:
    return next((act for act in offered(viewer) if act.name == name), None)


def form_of(act: UserAct, viewer: User, data: QueryDict | None = None) -> Any:
    """The form of an act, or None where it asks nothing."""
    return act.form(data, actor=viewer) if act.form is not None else None


def kept_fields(form: Any) -> dict[str, list[str]]:
    """What the form was filled in with, to be cleaned again when it is done."""
    return {name: form.data.getlist(form.add_prefix(name)) for name in form.fields}


def fields_of(row: BulkAct) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, values in row.fields.items():
        data.setlist(name, values)
    return data


def sentence(refusal: PermissionDenied | ValidationError) -> str:
    """Why somebody was refused, in one line."""
    if isinstance(refusal, ValidationError):
        return " ".join(refusal.messages)
    return str(refusal)
