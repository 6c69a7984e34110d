"""Changes of system prompts, which keep exactly one default while any prompt exists."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from chat.models import PromptVersion, SystemPrompt
from chat.names import name_key
from settings_store import audit


def create_prompt(*, actor: User | None, name: str, description: str = "", content: str) -> SystemPrompt:
    """A new prompt; the first one becomes the default. Raises ValidationError where the name is taken."""
    prompt = SystemPrompt(
        name=name,
        name_key=name_key(name),
        description=description,
        content=content,
        updated_by=actor,
    )
    try:
        return _insert(prompt, actor=actor)
    except IntegrityError:
        # Either the name is taken, or somebody else made the first prompt at the same moment: the second try tells.
        _refuse_taken_name(prompt)
        return _insert(prompt, actor=actor)


@transaction.atomic
def update_prompt(
    *,
    actor: User | None,
    prompt: SystemPrompt,
    name: str,
    description: str,
    content: str,
) -> None:
    """Change what a prompt says; conversations already begun keep the text they began with."""
    prompt = _lock(prompt)
    before = _facts(prompt)
    prompt.name, prompt.name_key, prompt.description, prompt.content = name, name_key(name), description, content
    after = _facts(prompt)
    if before == after:
        return
    _refuse_taken_name(prompt)
    prompt.updated_by = actor
    if after["content"] != before["content"]:
        prompt.version += 1
        _keep_version(prompt, actor=actor)
    prompt.save(update_fields=["name", "name_key", "description", "content", "version", "updated_by", "updated_at"])
    audit.record("prompt.updated", actor=actor, target=prompt, **audit.changes(before, after))


@transaction.atomic
def make_prompt_default(*, actor: User | None, prompt: SystemPrompt) -> None:
    """New conversations begin with this prompt from now on."""
    prompt = _lock(prompt)
    if prompt.is_default:
        return
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
    heir = others.filter(pk=new_default.pk).first() if new_default else None
    if prompt.is_default and heir is None and others.exists():
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


@transaction.atomic
def _insert(prompt: SystemPrompt, *, actor: User | None) -> SystemPrompt:
    _lock_all()
    _refuse_taken_name(prompt)
    prompt.default_mark = None if SystemPrompt.objects.filter(default_mark=True).exists() else True
    prompt.save(force_insert=True)
    _keep_version(prompt, actor=actor)
    audit.record(
        "prompt.created",
        actor=actor,
        target=prompt,
        after=_facts(prompt) | {"default": prompt.is_default},
    )
    return prompt


def _keep_version(prompt: SystemPrompt, *, actor: User | None) -> None:
    PromptVersion.objects.create(prompt=prompt, number=prompt.version, content=prompt.content, created_by=actor)


def _facts(prompt: SystemPrompt) -> dict[str, Any]:
    """What the trail keeps of a prompt: its content as a fingerprint, for more people read the trail than prompts."""
    fingerprint = sha256(prompt.content.encode("utf-8", "replace")).hexdigest()
    content = f"{len(prompt.content)} characters, SHA-256 {fingerprint}"
    return {"name": prompt.name, "description": prompt.description, "content": content}


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
