from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store.audit import head, verify


class Command(BaseCommand):
    help = "Walk the audit trail and name the first event that is not as it was written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchor", help="what audit_head printed earlier, kept outside the database")

    def handle(self, *args: Any, **options: Any) -> None:
        first = next(verify(anchor=_anchor(options["anchor"])), None)
        if first is not None:
            raise CommandError(_("Event %(number)d: %(what)s") % {"number": first.sequence, "what": first.sentence})
        self.stdout.write(_("The trail holds to event %(number)d.") % {"number": head()[0]})


def _anchor(text: str | None) -> tuple[int, str] | None:
    if not text:
        return None
    number, _colon, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and len(digest) == 64):
        raise CommandError(_("An anchor is a number, a colon and 64 hexadecimal digits, as audit_head prints it."))
    return int(number), digest
