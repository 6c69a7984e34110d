"""What a conversation may be held with, and what is chosen where nobody has chosen."""

from __future__ import annotations

from collections import Counter

from django.db.models import QuerySet

from accounts.models import User
from chat.models import Conversation, Model, SystemPrompt
from settings_store.store import get_setting

# How models stand one below the other wherever somebody chooses: the demo last, and as somebody has put them.
CHOOSER_ORDER = ("provider__is_demo", "position", "provider__name", "name")


def usable_models(user: User | None = None) -> QuerySet[Model]:
    """Models of enabled servers in their order, the demo last; for one person those they may use."""
    models = Model.objects.usable() if user is None else Model.objects.usable_by(user)
    return models.order_by(*CHOOSER_ORDER)


def model_names() -> list[str]:
    """How the setting may name each of them: with its server where two servers offer the same."""
    models = list(usable_models())
    times = Counter(model.name for model in models)
    with_server = [f"{model.provider.name}/{model.name}" for model in models if times[model.name] > 1]
    return [*times, *with_server]


def default_model(models: list[Model]) -> Model | None:
    """The one the setting names, else the first."""
    wanted = get_setting("chat.default_model")
    named = [model for model in models if wanted in (model.name, f"{model.provider.name}/{model.name}")]
    return next(iter(named or models), None)


def prompts_for(user: User) -> QuerySet[SystemPrompt]:
    """The prompts a person may choose from, by name."""
    return SystemPrompt.objects.usable_by(user).order_by("name_key")


def newer_version(conversation: Conversation, *, user: User | None = None) -> int | None:
    """The number of the newest version of its prompt, where that says something else than the conversation was told.

    None also where the prompt was deleted, or is none that `user` may use; without a user that is not asked.
    """
    prompt = conversation.system_prompt
    if prompt is None or prompt.is_deleted or prompt.content == conversation.system_text:
        return None
    if user is not None and not SystemPrompt.objects.usable_by(user).filter(pk=prompt.pk).exists():
        return None
    return prompt.version
