"""What the commands for scripts share: what they are asked for, and how they answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store import own
from settings_store.actions.setting import rows_of
from settings_store.definitions import Definition, UnknownSetting
from settings_store.holding import PLACES, Held, held, unknown_environment
from settings_store.models import Proposal
from settings_store.values import MASK
from ui.sources import source_in_words


def add_environment(parser: CommandParser) -> None:
    parser.add_argument(
        "--environment",
        default=settings.ENVIRONMENT,
        help=f"{', '.join(PLACES)}; by default this installation's, {settings.ENVIRONMENT}",
    )


def check_environment(name: str) -> str:
    """The environment of this name; raises CommandError."""
    if name not in PLACES:
        raise CommandError(unknown_environment(name))
    return name


def definition_named(key: str) -> Definition:
    """Raises CommandError naming those that come near."""
    try:
        return own.current_definition(key)
    except UnknownSetting as error:
        raise CommandError(str(error)) from None


def all_held(definitions: Iterable[Definition], environment: str) -> dict[str, Held]:
    every = list(definitions)
    rows = rows_of(definition.key for definition in every)
    return {definition.key: held(definition, environment, rows) for definition in every}


def as_text(definition: Definition, found: Held) -> str:
    """The value as `settings_set` takes it; a secret only as dots, and in brackets what is no value."""
    if found.error is not None:
        return f"({found.trouble})"
    if found.is_unset:
        return f"({_('not set')})"
    return MASK if definition.is_secret else definition.written(found.value)


def notes(definition: Definition, environment: str, found: Held) -> list[str]:
    """What somebody should know of a value beside it, one sentence each."""
    place = {"key": definition.key, "environment": environment}
    sentences = [f"{definition.key}: {each}" for each in found.passed_over]
    if found.is_unset:
        sentences.append(_("%(key)s is not set in %(environment)s.") % place)
    if Proposal.objects.filter(**place, status__in=Proposal.PENDING).exists():
        sentences.append(_("A change of %(key)s in %(environment)s is proposed and waits.") % place)
    return sentences


def source_of(found: Held) -> str:
    return source_in_words(found.source)


def as_json(definition: Definition, found: Held) -> dict[str, Any]:
    value: Any = None
    if definition.is_secret and found.error is None and not found.is_unset:
        value = MASK
    elif found.value is not None and not definition.is_secret:
        stored = definition.stored(found.value)
        value = str(stored) if isinstance(stored, Decimal) else stored
    trouble = {"trouble": found.trouble} if found.trouble else {}
    return {"key": definition.key, "type": str(definition.type), "value": value, "source": source_of(found)} | trouble


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
