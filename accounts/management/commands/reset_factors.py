"""The way in again where a role asks for a second factor, and the only admin lost theirs and the recovery codes."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import reset_factors
from accounts.models import User


class Command(BaseCommand):
    help = "Takes all second factors from somebody and signs them out everywhere; they set one up when they come."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="their username or email address")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        person = User.objects.named(name).first()
        if person is None:
            raise CommandError("Nobody has this username or email address.")
        try:
            reset_factors(actor=None, user=person, reason="by command")
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        self.stdout.write(f"{person.username} has no second factor any more, and signs in by password alone.")
