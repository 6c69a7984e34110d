from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from settings_store.audit import record
from settings_store.crypto import keyring
from settings_store.trail import chain


class Command(BaseCommand):
    help = "Let the audit trail go on though the key of its last event is lost; audit_verify names that place for good."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="the id of the lost key, as the refusal names it")

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = chain.unknown_key()
        if not unknown:
            raise CommandError(_("The key of the last event is here; there is nothing to accept."))
        if options["key"] != unknown:
            raise CommandError(_("The last event was written with the key %(key)s.") % {"key": unknown})
        chain.go_on_with(keyring().newest)
        with transaction.atomic():
            record("audit.continued", actor=None, after={"lost_key": unknown})
        self.stdout.write(_("The trail goes on. What was written with %(key)s cannot be verified.") % {"key": unknown})
