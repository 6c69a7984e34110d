"""What permissions of other programs may be called, so that none is ever taken for one of the house or of Django."""

from __future__ import annotations

import re

from django.apps import apps
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ui.registry import registry

# ASCII alone: a letter of another script that looks alike would be another permission by the same name.
_PART = "[a-z][a-z0-9_-]{0,39}"
_NAME = re.compile(f"({_PART}):({_PART})")


def clean_permission_name(text: str) -> str:
    """The name as code writes it ("document.create") of what people write ("document:create").

    Raises ValidationError with one sentence where it cannot be the name of a permission of another program.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise ValidationError(
            _(
                "Write resource:action, such as document:create: two words of small letters (a to z), digits, - and _, "
                "each beginning with a letter and 40 characters at most."
            )
        )
    resource, action = match.groups()
    if resource in _house_resources():
        raise ValidationError(
            _("“%(resource)s” is a word of Gatehouse itself. Begin with another one, such as that of your program.")
            % {"resource": resource}
        )
    return f"{resource}.{action}"


def known_name(text: str) -> str:
    """The same for a name that is looked up: empty where nothing could have it."""
    match = _NAME.fullmatch(text)
    return ".".join(match.groups()) if match else ""


def is_taken(name: str) -> bool:
    """Whether the house, or Django for one of its models, asks for `name` itself by now: then no other grants it.

    Names are refused before they come to this, but a later release may bring a permission or an app of that name.
    """
    return name in registry.permissions or name.partition(".")[0] in _app_labels()


def _house_resources() -> set[str]:
    return _app_labels() | {permission.resource for permission in registry.permissions.values()}


def _app_labels() -> set[str]:
    # Django asks for "<app>.<act>_<model>".
    return {config.label for config in apps.get_app_configs()}
