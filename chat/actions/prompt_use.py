"""Under which prompt a conversation goes on, where its owner asks for another one or for a newer version."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from chat.acting import note
from chat.models import Conversation, SystemPrompt


class Unchanged:
    """Stands for the prompt that a conversation has, where None stands for none."""


UNCHANGED = Unchanged()


@transaction.atomic
def use_prompt(*, actor: User, conversation: Conversation, prompt: SystemPrompt | None) -> None:
    """Go on under the newest version of this prompt, or under none; what was said before stays as it is.

    Raises ValidationError where the prompt is none that this person may use.
    """
    kept = (conversation.system_prompt_id, conversation.system_text, conversation.prompt_version)
    if prompt is None:
        conversation.system_prompt, conversation.system_text, conversation.prompt_version = None, "", None
    else:
        found = SystemPrompt.objects.usable_by(actor).filter(pk=prompt.pk).first()
        if found is None:
            raise ValidationError(_("This prompt is not there any more. Choose another."))
        conversation.system_prompt = found
        conversation.system_text, conversation.prompt_version = found.content, found.version
    if kept == (conversation.system_prompt_id, conversation.system_text, conversation.prompt_version):
        return
    conversation.save(update_fields=["system_prompt", "system_text", "prompt_version"])
    note("conversation.prompt_changed", actor=actor, conversation=conversation)
