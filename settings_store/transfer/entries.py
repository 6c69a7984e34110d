"""One line of a file of settings, whatever the file's format."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from settings_store.definitions import Definition
from settings_store.values import SettingType

FORMATS = ("yaml", "json", "env")
# What the first line of a structured file says, so that a later format can be told from this one.
HEADER, HEADER_VALUE = "gatehouse", "settings/1"
LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that a file gives a setting in one environment.

    `text` is the value as written, None where it is a list or a group of values; `structure` is it as JSON, None where
    it is plain text.
    """

    key: str
    environment: str
    # Where it stands, for people: the line, or in JSON the names around it.
    place: str
    text: str | None
    structure: str | None = None
    # A secret that stood there in the clear: its value was not kept.
    was_open: bool = False

    def text_for(self, definition: Definition) -> str:
        """The value as a Change takes it; raises ValidationError."""
        if self.was_open:
            raise ValidationError(_("A secret is taken only sealed under a passphrase, never in the clear."))
        if definition.type is SettingType.JSON:
            return json.dumps(self.text) if self.structure is None else self.structure
        if self.text is None:
            raise ValidationError(_("This setting takes a single value, not a list or a group."))
        return self.text

    def as_list(self) -> list[Any]:
        return [self.key, self.environment, self.place, self.text, self.structure, self.was_open]

    @classmethod
    def from_list(cls, parts: list[Any]) -> Self:
        return cls(*parts)
