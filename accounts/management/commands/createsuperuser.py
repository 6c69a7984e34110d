"""Takes the place of Django's own, which would make somebody powerful past every rule and past the trail."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Is not offered: `manage.py init` makes the first admin, and admins make others on the page of a person."

    def handle(self, *args: Any, **options: Any) -> None:
        raise CommandError(self.help)
