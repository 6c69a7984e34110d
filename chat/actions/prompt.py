"""Changes of system prompts, which keep exactly one default while any prompt exists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from chat.models import PromptVersion, SystemPrompt
from chat.names import name_key
from chat.variables import check
from rbac.models import Role
from settings_store import audit


class StalePrompt(ValidationError):
    """Somebody changed the prompt after the form was opened: `prompt` is what it is now."""

    def __init__(self, prompt: SystemPrompt) -> None:
        super().__init__(_("Somebody changed this prompt meanwhile."), code="stale")
        self.prompt = prompt


def create_prompt(
    *,
    actor: User | None,
    name: str,
    description: str = "",
    content: str,
    note: str = "",
    for_everybody: bool = True,
    roles: Iterable[Role] = (),
) -> SystemPrompt:
    """A new prompt; the first one becomes the default. Raises ValidationError where the name is taken.

    Without `for_everybody` it is for those of `roles`, which the first cannot be.
    """
    _check(content)
    prompt = SystemPrompt(
        name=name,
        name_key=name_key(name),
        description=description,
        content=content,
        for_everybody=for_everybody,
        updated_by=actor,
    )
    chosen = list(roles)
    try:
        return _insert(prompt, actor=actor, note=note, roles=chosen)
    except IntegrityError:
        # Either the name is taken, or somebody else made the first prompt at the same moment: the second try tells.
        _refuse_taken_name(prompt)
        return _insert(prompt, actor=actor, note=note, roles=chosen)


@transaction.atomic
def update_prompt(
    *,
    actor: User | None,
    prompt: SystemPrompt,
    name: str,
    description: str,
    content: str,
    note: str = "",
    for_everybody: bool | None = None,
    roles: Iterable[Role] = (),
    seen: str = "",
) -> SystemPrompt:
    """Change a prompt; another content is a new version, and conversations already begun keep the one they have.

    Without a word about `for_everybody` it stays for whom it is. Raises StalePrompt where the prompt is no longer in
    the state that `seen` names (see `state_of`).
    """
    prompt = _lock(prompt)
    if seen and seen != state_of(prompt):
        raise StalePrompt(prompt)
    before = _facts(prompt)
    prompt.name, prompt.name_key, prompt.description = name, name_key(name), description
    _say(prompt, content)
    chosen = None if for_everybody is None else _those(roles, for_everybody=for_everybody)
    if for_everybody is not None:
        prompt.for_everybody = for_everybody
    if before == _facts(prompt, roles=chosen):
        return prompt
    _refuse_taken_name(prompt)
    _refuse_narrow_default(prompt)
    if chosen is not None:
        prompt.roles.set(chosen)
    _save(prompt, actor=actor, before=before, note=note)
    return prompt


@transaction.atomic
def restore_prompt_version(*, actor: User | None, prompt: SystemPrompt, number: int) -> SystemPrompt:
    """Make a new version that says what an old one said; the same prompt where it says so already."""
    prompt = _lock(prompt)
    old = prompt.versions.filter(number=number).first()
    if old is None:
        raise ValidationError(_("There is no such version."))
    before = _facts(prompt)
    _say(prompt, old.content)
    if before != _facts(prompt):
        _save(prompt, actor=actor, before=before, note=_("Restores version %(number)s") % {"number": number})
    return prompt


@transaction.atomic
def make_prompt_default(*, actor: User | None, prompt: SystemPrompt) -> None:
    """New conversations begin with this prompt from now on."""
    prompt = _lock(prompt)
    if prompt.is_default:
        return
    if not prompt.for_everybody:
        raise ValidationError(
            _("“%(name)s” is for some roles only, and the default is for everybody. Open it to everybody first.")
            % {"name": prompt.name}
        )
    previous = SystemPrompt.objects.filter(default_mark=True).first()
    _move_default(prompt)
    audit.record(
        "prompt.made_default",
        actor=actor,
        target=prompt,
        before={"default": previous.name if previous else None},
        after={"default": prompt.name},
    )


@transaction.atomic
def delete_prompt(*, actor: User | None, prompt: SystemPrompt, new_default: SystemPrompt | None = None) -> None:
    """Withdraw a prompt: its conversations stay as they are.

    The default is deleted only as the last prompt, or with another named to take its place.
    """
    prompt = _lock(prompt)
    others = SystemPrompt.objects.live().exclude(pk=prompt.pk)
    open_ones = others.filter(for_everybody=True)
    heir = open_ones.filter(pk=new_default.pk).first() if new_default else None
    if prompt.is_default and heir is None and others.exists():
        if not open_ones.exists():
            raise ValidationError(_("This is the default prompt, and no other is for everybody. Open one first."))
        raise ValidationError(_("This is the default prompt. Choose the one that takes its place first."))
    was_default = prompt.is_default
    prompt.is_deleted, prompt.default_mark, prompt.updated_by = True, None, actor
    prompt.name_key = f"deleted:{prompt.public_id}"
    prompt.save(update_fields=["is_deleted", "default_mark", "name_key", "updated_by", "updated_at"])
    if was_default and heir:
        _move_default(heir)
    audit.record(
        "prompt.deleted",
        actor=actor,
        target=prompt,
        before=_facts(prompt),
        after={"default": heir.name} if was_default and heir else None,
    )


def state_of(prompt: SystemPrompt) -> str:
    """What a form of this prompt carries along, so that one of an older state is known for it."""
    roles = sorted(prompt.roles.values_list("pk", flat=True)) if not prompt.for_everybody else None
    facts = [prompt.name, prompt.description, prompt.content, prompt.version, roles]
    return sha256(json.dumps(facts).encode()).hexdigest()


@transaction.atomic
def _insert(prompt: SystemPrompt, *, actor: User | None, note: str, roles: list[Role]) -> SystemPrompt:
    _lock_all()
    _refuse_taken_name(prompt)
    prompt.default_mark = None if SystemPrompt.objects.filter(default_mark=True).exists() else True
    _refuse_narrow_default(prompt)
    prompt.save(force_insert=True)
    prompt.roles.set(_those(roles, for_everybody=prompt.for_everybody))
    _keep_version(prompt, actor=actor, note=note)
    audit.record(
        "prompt.created",
        actor=actor,
        target=prompt,
        after=_facts(prompt) | {"default": prompt.is_default} | ({"note": note} if note else {}),
    )
    return prompt


def _say(prompt: SystemPrompt, content: str) -> None:
    """Give a prompt another content and the number that goes with it; what stays is not looked at again."""
    if content != prompt.content:
        _check(content)
        prompt.content, prompt.version = content, prompt.version + 1


def _check(content: str) -> None:
    try:
        check(content)
    except ValidationError as error:
        raise ValidationError({"content": error}) from error


def _save(prompt: SystemPrompt, *, actor: User | None, before: dict[str, Any], note: str) -> None:
    """Store and record a changed prompt; a new content as a version with its note."""
    prompt.updated_by = actor
    prompt.save(
        update_fields=[
            *("name", "name_key", "description", "content", "version"),
            *("for_everybody", "updated_by", "updated_at"),
        ]
    )
    changed = audit.changes(before, _facts(prompt))
    if "version" in changed["after"]:
        _keep_version(prompt, actor=actor, note=note)
        changed["after"] |= {"note": note} if note else {}
    audit.record("prompt.updated", actor=actor, target=prompt, **changed)


def _keep_version(prompt: SystemPrompt, *, actor: User | None, note: str) -> None:
    PromptVersion.objects.create(
        prompt=prompt, number=prompt.version, content=prompt.content, note=note, created_by=actor
    )


def _those(roles: Iterable[Role], *, for_everybody: bool) -> list[Role]:
    """The roles that count, held so that none is deleted before this is stored."""
    if for_everybody:
        return []
    return list(Role.objects.select_for_update().filter(pk__in=[role.pk for role in roles]).order_by("pk"))


def _facts(prompt: SystemPrompt, *, roles: list[Role] | None = None) -> dict[str, Any]:
    """What the trail keeps of a prompt: its content as a fingerprint, for more people read the trail than prompts."""
    fingerprint = sha256(prompt.content.encode("utf-8", "replace")).hexdigest()
    content = f"{len(prompt.content)} characters, SHA-256 {fingerprint}"
    facts = {"name": prompt.name, "description": prompt.description, "content": content, "version": prompt.version}
    if not prompt.for_everybody:
        chosen = prompt.roles.all() if roles is None else roles
        return facts | {"for": sorted(role.name for role in chosen)}
    return facts | {"for": "everybody"}


def _lock_all() -> None:
    """Take all prompts in one order, so that two people never leave none or two of them as the default."""
    list(SystemPrompt.objects.live().select_for_update().order_by("pk").values_list("pk", flat=True))


def _lock(prompt: SystemPrompt) -> SystemPrompt:
    _lock_all()
    found = SystemPrompt.objects.live().filter(pk=prompt.pk).first()
    if found is None:
        raise ValidationError(_("This prompt was deleted in the meantime."))
    return found


def _move_default(prompt: SystemPrompt) -> None:
    SystemPrompt.objects.filter(default_mark=True).exclude(pk=prompt.pk).update(default_mark=None)
    prompt.default_mark = True
    prompt.save(update_fields=["default_mark", "updated_at"])


def _refuse_taken_name(prompt: SystemPrompt) -> None:
    if SystemPrompt.objects.filter(name_key=prompt.name_key).exclude(pk=prompt.pk).exists():
        raise ValidationError({"name": _("Another prompt has this name.")})


def _refuse_narrow_default(prompt: SystemPrompt) -> None:
    if prompt.is_default and not prompt.for_everybody:
        raise ValidationError({"for_everybody": _("This is the default prompt, which is for everybody.")})
