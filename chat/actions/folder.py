"""A person's own folders."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from chat.models import Folder, SystemPrompt
from chat.names import name_key

# More than anybody looks through in a list.
MOST = 200


def create_folder(*, actor: User, name: str, prompt: SystemPrompt | None = None) -> Folder:
    """A new folder; raises ValidationError where the person has one of this name, or too many."""
    with transaction.atomic():
        lock_belongings(actor)
        if Folder.objects.filter(owner=actor).count() >= MOST:
            raise ValidationError(_("You have %(most)s folders, and more are not kept. Delete one.") % {"most": MOST})
        folder = Folder(owner=actor, name=name, name_key=name_key(name), prompt=prompt)
        _refuse_taken_name(folder)
        folder.save()
    return folder


def update_folder(*, actor: User, folder: Folder, name: str, prompt: SystemPrompt | None) -> None:
    """Another name, or another prompt for what will be begun in it; what was begun keeps its own."""
    with transaction.atomic():
        lock_belongings(actor)
        folder.name, folder.name_key, folder.prompt = name, name_key(name), prompt
        _refuse_taken_name(folder)
        folder.save(update_fields=["name", "name_key", "prompt"])


@transaction.atomic
def delete_folder(*, actor: User, folder: Folder) -> None:
    """Take a folder away; the conversations in it stay, in none."""
    lock_belongings(actor)
    folder.delete()


def lock_belongings(actor: User) -> None:
    """Nobody else changes this person's folders and tags until the transaction ends."""
    User.objects.select_for_update().only("pk").get(pk=actor.pk)


def _refuse_taken_name(folder: Folder) -> None:
    others = Folder.objects.filter(owner=folder.owner, name_key=folder.name_key).exclude(pk=folder.pk)
    if others.exists():
        raise ValidationError({"name": _("You have a folder of this name already.")})
