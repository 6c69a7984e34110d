"""`manage.py rotate_keys`: give every sealed value the newest key, and say when an older one may be dropped."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store import sealed
from settings_store.actions.rotation import BATCH, Rotation, rotate_keys, verdicts
from settings_store.crypto import key_name, keyrings
from settings_store.models import KeyUse
from settings_store.sealed import SealedColumn

BAR = 30


class Command(BaseCommand):
    help = (
        "Seals every value anew that does not have the newest key of its environment, while Gatehouse is in use. "
        "Stopped anywhere, it goes on where it is run again. Ends by saying which older keys may be dropped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=BATCH, help=f"values of one transaction ({BATCH})")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be sealed anew")
        parser.add_argument("--check", action="store_true", help="only say what may be dropped; 1 while some may not")
        parser.add_argument(
            "--despite-damaged",
            action="store_true",
            help="let damaged values, which no key opens, keep no key from being dropped",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["batch"] <= 10_000:
            raise CommandError(_("A batch holds 1 to 10,000 values."))
        if options["dry_run"]:
            return self._plan()
        if not options["check"]:
            self._rotate(options["batch"], despite_damaged=options["despite_damaged"])
        may_go = self._judge(despite_damaged=options["despite_damaged"])
        if options["check"] and not may_go:
            raise CommandError(_("Not every older key may be dropped yet."))
        return None

    def _plan(self) -> None:
        counts = dict(KeyUse.objects.values_list("key_id", "sealed_count"))
        newest = {}
        for ring in keyrings():
            newest[ring.environment] = ring.newest.id.hex()
            for place, key in enumerate(ring.keys):
                name = key.id.hex()
                self.stdout.write(
                    _("Key %(key)s of %(environment)s (%(place)s): %(count)d values sealed so far")
                    % {
                        "key": name,
                        "environment": ring.environment,
                        "place": _("older") if place else _("newest"),
                        "count": counts.get(name, 0),
                    }
                )
        for column in sealed.columns():
            for (environment, name), count in sorted(column.census().items()):
                self.stdout.write(
                    f"{column.name}, {environment}, {name}: {count}, " + _what_comes(name, newest.get(environment))
                )

    def _rotate(self, batch: int, *, despite_damaged: bool) -> None:
        totals = {
            column: sum(column.outdated(ring.environment).count() for ring in keyrings()) for column in sealed.columns()
        }
        seen: dict[SealedColumn, int] = {}

        def tell(column: SealedColumn, count: int) -> None:
            seen[column] = seen.get(column, 0) + count
            self._show(column.name, seen[column], totals[column])

        done = rotate_keys(actor=None, batch=batch, tell=tell, despite_damaged=despite_damaged)
        if self.stdout.isatty() and seen:
            self.stdout.write("")
        self._tell(done)

    def _show(self, name: str, seen: int, total: int) -> None:
        # More may have come while it ran.
        total = max(seen, total)
        if self.stdout.isatty():
            full = BAR * seen // total
            self.stdout.write(f"\r{'█' * full}{'░' * (BAR - full)} {seen}/{total} {name}\x1b[K", ending="")
            self.stdout.flush()
        else:
            self.stdout.write(f"{name}: {seen}/{total}")

    def _tell(self, done: Rotation) -> None:
        for each in done.left.values():
            self.stderr.write(
                _("Left as it is: %(value)s (key %(key)s). %(why)s")
                % {"value": each, "key": key_name(each.column.sealed(each.row)) or "–", "why": each.error}
            )
        self.stdout.write(
            _("%(count)d values were sealed anew, %(left)d left as they are.")
            % {"count": done.resealed.total(), "left": len(done.left)}
        )

    def _judge(self, *, despite_damaged: bool) -> bool:
        found = verdicts(despite_damaged=despite_damaged)
        if not found:
            self.stdout.write(_("There is no older key here."))
        for verdict in found:
            named = {"key": verdict.key, "environment": verdict.environment}
            if verdict.may_go:
                self.stdout.write(_("The key %(key)s of %(environment)s may be dropped.") % named)
                continue
            self.stdout.write(_("The key %(key)s of %(environment)s must not be dropped yet:") % named)
            for sentence in verdict.holds:
                self.stdout.write(f"  {sentence}")
        return all(verdict.may_go for verdict in found)


def _what_comes(name: str, newest: str | None) -> str:
    if newest is None:
        return _("no key of this environment here")
    if name == newest:
        return _("stays")
    return _("would be sealed anew")
