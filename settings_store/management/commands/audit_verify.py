from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store.audit import head, verify
from settings_store.trail.chain import Anchor

# How often a log hears how far it is; a terminal hears it after each batch.
EVERY_SECONDS = 10


class Command(BaseCommand):
    help = "Walk the audit trail and name the first event that is not as it was written; exit status 1 where one is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchor", help="what audit_head printed earlier, kept outside the database")
        parser.add_argument("--since", help="such an anchor too: begin at its event, trusting what is before it")

    def handle(self, *args: Any, **options: Any) -> None:
        on_terminal = self.stderr.isatty()
        began = said = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal said
            now = time.monotonic()
            if not (on_terminal or now - said >= EVERY_SECONDS):
                return
            said = now
            words = _("%(done)s of %(total)s events, %(rate)s a second") % {
                "done": f"{done:,}",
                "total": f"{total:,}",
                "rate": f"{done / (now - began):,.0f}",
            }
            self.stderr.write(f"\r{words}" if on_terminal else words, ending="" if on_terminal else "\n")

        since = _anchor(options["since"])
        if since and since[0] == 0:
            raise CommandError(_("This anchor is of an empty trail: without --since, the whole trail is walked."))
        walk = verify(anchor=_anchor(options["anchor"]), since=since, progress=progress)
        first = next(walk, None)
        if on_terminal:
            self.stderr.write("")
        if first is not None:
            raise CommandError(_("Event %(number)d: %(what)s") % {"number": first.sequence, "what": first.sentence})
        self.stdout.write(_("The trail holds to event %(number)d.") % {"number": head()[0]})


def _anchor(text: str | None) -> Anchor | None:
    if not text:
        return None
    number, _colon, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and len(digest) == 64):
        raise CommandError(_("An anchor is a number, a colon and 64 hexadecimal digits, as audit_head prints it."))
    return int(number), digest
