"""Takes the place of Django's own, which would write past the trail: the way back in for whoever runs the server."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.actions import give_password
from accounts.credentials import one_time_password
from accounts.models import User


class Command(BaseCommand):
    help = "Gives somebody a one-time password, prints it, and signs them out everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="their username or email address")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        person = User.objects.named(name).first()
        if person is None:
            raise CommandError("Nobody has this username or email address.")
        password = one_time_password()
        give_password(actor=None, user=person, password=password)
        self.stderr.write(f"The password of {person.username}, to be changed at the next sign-in:")
        self.stdout.write(password)
