"""Asking a model server for its models because somebody wants to know, saved or not."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from accounts.models import User
from chat.actions.provider import check_address, check_private, check_receiver, endpoint_of, record_check
from chat.checks import Check, check
from chat.health import note_call
from chat.llm import Endpoint
from chat.models import Provider
from settings_store import crypto


def check_provider(*, actor: User | None, provider: Provider) -> str:
    """Ask the server for its models and keep what it says; returns the sentence of trouble, empty when all is well."""
    try:
        endpoint = endpoint_of(provider)
    except crypto.CannotOpen:
        trouble = _("The key of this server cannot be opened with the keys of this installation. Enter it again.")
        record_check(actor=actor, provider=provider, found=None, trouble=trouble)
        return trouble
    said = try_endpoint(endpoint)
    note_call(provider.pk, ok=not said.trouble, first_token_ms=said.milliseconds)
    record_check(actor=actor, provider=provider, found=said.found, trouble=said.trouble)
    return said.trouble


def try_endpoint(endpoint: Endpoint) -> Check:
    """Ask a server for its models and keep nothing."""
    if not connection.in_atomic_block:
        # A server may be silent for a while, and a connection held meanwhile is one that pages lack.
        connection.close()
    return async_to_sync(check)(endpoint)


def trial_endpoint(
    *,
    actor: User | None,
    provider: Provider | None,
    base_url: str,
    key: str = "",
    remove_key: bool = False,
    allow_private: bool = False,
) -> Endpoint:
    """Where a form that is not saved yet would have the house call; an empty `key` is the one `provider` has.

    Raises ValidationError as saving would, above all where the kept key would go to another address.
    """
    check_address(base_url, allow_private=allow_private)
    check_private(actor, provider, base_url, allow_private=allow_private)
    if provider is not None and not key and not remove_key:
        check_receiver(provider, base_url)
        try:
            key = endpoint_of(provider).key
        except crypto.CannotOpen as error:
            sentence = _("The key kept here cannot be opened with the keys of this installation. Enter it again.")
            raise ValidationError({"key": sentence}) from error
    return Endpoint(base_url=base_url, key=key, allow_private=allow_private)
