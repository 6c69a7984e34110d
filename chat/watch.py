"""Looking after model servers: each that nobody has asked anything in these five minutes is asked for its models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import structlog
from django.core.exceptions import ValidationError
from django.db import Error
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from chat import health
from chat.actions.provider import endpoint_of, record_check
from chat.checks import Check, check
from chat.llm import Endpoint
from chat.models import HealthSample, Provider
from settings_store import crypto
from settings_store.database import in_database

# How often a process looks whether a server is due; a start of the house is given time to come up.
FIRST_SECONDS = 20.0
EVERY_SECONDS = 60.0
# A server that is talked with all day is asked all the same, so that its new models are found.
LISTED_EVERY = timedelta(hours=1)

logger = structlog.get_logger(__name__)


async def watch() -> None:
    """Look after all servers for as long as this process lives."""
    await asyncio.sleep(FIRST_SECONDS)
    while True:
        try:
            await check_due()
        except Error as trouble:
            # Not there for a moment: the next turn finds the same servers due.
            logger.warning("servers_not_checked", error=repr(trouble))
        await asyncio.sleep(EVERY_SECONDS)


async def check_due() -> None:
    """Check every server that is due and that no other process has taken; no connection is held while they answer."""
    claimed = await in_database(claim_due)
    await asyncio.gather(*(_check(provider, endpoint) for provider, endpoint in claimed))


def claim_due() -> list[tuple[Provider, Endpoint]]:
    """Take the servers that are due, each for exactly one of all processes that ask at once."""
    claimed = [(provider, _opened(provider)) for provider in _due() if _is_mine(provider)]
    if claimed:
        health.forget_old()
    return [(provider, endpoint) for provider, endpoint in claimed if endpoint is not None]


def _due() -> Iterable[Provider]:
    now = timezone.now()
    began_at = health.stretch_at(now)
    counted = Exists(HealthSample.objects.filter(provider=OuterRef("pk"), began_at=began_at))
    # What is in trouble is asked whether it still is, also where answers come from it again.
    wanted = ~counted | ~Q(trouble="") | Q(checked_at__lt=now - LISTED_EVERY) | Q(checked_at=None)
    unasked = Q(checked_at=None) | Q(checked_at__lt=began_at)
    return Provider.objects.filter(unasked, wanted, is_enabled=True).order_by("pk")


def _is_mine(provider: Provider) -> bool:
    asked = Provider.objects.filter(pk=provider.pk, is_enabled=True, checked_at=provider.checked_at)
    return bool(asked.update(checked_at=timezone.now()))


def _opened(provider: Provider) -> Endpoint | None:
    try:
        return endpoint_of(provider)
    except crypto.CannotOpen:
        trouble = _("The key of this server cannot be opened with the keys of this installation. Enter it again.")
        _record(provider, found=None, trouble=trouble)
        return None


async def _check(provider: Provider, endpoint: Endpoint) -> None:
    await in_database(_note, provider, await check(endpoint))


def _note(provider: Provider, said: Check) -> None:
    health.note_call(provider.pk, ok=not said.trouble, first_token_ms=said.milliseconds)
    _record(provider, found=said.found, trouble=said.trouble)


def _record(provider: Provider, *, found: list[str] | None, trouble: str) -> None:
    try:
        record_check(actor=None, provider=provider, found=found, trouble=trouble, offer_new=False)
    except ValidationError:
        # It was deleted while it was asked, and nobody waits for what it said.
        logger.info("server_gone", server=str(provider.public_id))
