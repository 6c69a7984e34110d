"""Breaks the glass for whoever runs the server, where no admin is left who could make another."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from rbac.actions.superuser import set_superuser


class Command(BaseCommand):
    help = "Gives somebody every right, whatever roles they hold; with --revoke takes that back. The trail notes it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="their username or email address")
        parser.add_argument("--revoke", action="store_true", help="leave them what their roles give")

    def handle(self, *args: Any, name: str, revoke: bool, **options: Any) -> None:
        person = User.objects.named(name).first()
        if person is None:
            raise CommandError("Nobody has this username or email address.")
        try:
            changed = set_superuser(user=person, is_superuser=not revoke)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        if not changed:
            self.stdout.write("Nothing to change.")
        elif revoke:
            self.stdout.write(f"{person.username} has what their roles give, no more.")
        else:
            self.stdout.write(f"{person.username} has every right now, until `superuser {person.username} --revoke`.")
