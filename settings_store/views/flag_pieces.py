"""What the pages of flags share: finding one, and where its page is."""

from __future__ import annotations

from django.urls import reverse

from settings_store.flag.rules import KEY
from settings_store.kept import unknown_flag
from settings_store.models import Flag
from ui.absence import NotThere


def flag_or_404(key: str, *, archived: bool = False) -> Flag:
    """The flag of this key; one that was archived only where asked for."""
    flag = Flag.objects.filter(key=key).first() if KEY.fullmatch(key) else None
    # Not every database tells small letters from capitals.
    if flag is None or flag.key != key or (flag.archived_at is not None and not archived):
        raise NotThere(str(unknown_flag(key)))
    return flag


def page_of_flag(key: str) -> str:
    return reverse("settings_store:flag_edit", args=[key])
