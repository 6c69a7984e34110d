"""Acts upon many people: which are offered to whom, and how many people one may concern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import QueryDict

from accounts.models import BulkAct, User
from ui.forms import uuid_of
from ui.registry import UserAct, registry

# As many people as one act may concern.
MOST = 5000
# As many as are done while somebody waits for the page; more become a task.
AT_ONCE = 100
# Refusals that are told one by one.
MOST_TOLD = 200
# As long as the address of the way back may be.
MOST_BACK = 1000


def offered(viewer: User) -> list[UserAct]:
    """The acts this person may do at all, in their order; whom they may do them to is asked for each person."""
    return sorted(
        (act for act in registry.user_acts if viewer.has_perm(act.permission)), key=lambda act: (act.order, act.name)
    )


def found(viewer: User, name: str) -> UserAct | None:
    return next((act for act in offered(viewer) if act.name == name), None)


def form_of(
    act: UserAct, viewer: User, data: QueryDict | None = None, *, preset: Mapping[str, Any] | None = None
) -> Any:
    """The form of an act, or None where it asks nothing; `preset` is what stands in it when it is first shown."""
    if act.form is None:
        return None
    return act.form(data, actor=viewer, initial=preset) if preset else act.form(data, actor=viewer)


def kept_fields(form: Any) -> dict[str, list[str]]:
    """What the form was filled in with, to be cleaned again when it is done."""
    return {name: form.data.getlist(form.add_prefix(name)) for name in form.fields}


def fields_of(row: BulkAct) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, values in row.fields.items():
        data.setlist(name, values)
    return data


def way_back(address: str) -> str:
    """The address of the list that people were chosen on; filters that do not fit are left out, each as a whole."""
    path, _mark, query = address.partition("?")
    kept = QueryDict(mutable=True)
    for name, values in QueryDict(query).lists():
        longer = kept.copy()
        longer.setlist(name, values)
        if len(path) + 1 + len(longer.urlencode()) <= MOST_BACK:
            kept = longer
    return f"{path}?{kept.urlencode()}" if kept else path


def ticked(sent: QueryDict) -> set[UUID]:
    """The people ticked on a list, by their public ids; what is none is passed over."""
    return {key for text in sent.getlist("id")[:MOST] if (key := uuid_of(text))}
