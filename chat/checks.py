"""Asking a model server what it has, which tells whether it is there and whether it takes the key."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.utils.translation import gettext as _

from chat.llm import Endpoint, list_models
from chat.llm_errors import ProviderError


@dataclass(frozen=True, slots=True)
class Check:
    """What a server answered; `found` None and a sentence of `trouble` where it did not."""

    found: list[str] | None
    trouble: str
    seconds: float

    @property
    def milliseconds(self) -> int:
        return round(self.seconds * 1000)


async def check(endpoint: Endpoint) -> Check:
    """Ask for the list of models, in at most twenty seconds; never raises ProviderError."""
    begun = time.perf_counter()
    try:
        found = await list_models(endpoint)
    except ProviderError as error:
        return Check(None, error.sentence, time.perf_counter() - begun)
    trouble = "" if found else _("The server answers, but lists no model.")
    return Check(found, trouble, time.perf_counter() - begun)
