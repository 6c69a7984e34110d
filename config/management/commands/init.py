"""`manage.py init`: make a migrated database an installation; safe to repeat."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config import installation
from config.health import findings, is_ready, unprepared
from config.sample_data import add_sample_data


class Command(BaseCommand):
    help = "Creates the system roles and, where there is nobody yet, an admin and a user; registers the local model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-default-users", action="store_true", help="create no people")
        parser.add_argument("--sample-data", action="store_true", help="add a team of 30 people who talked for 90 days")
        parser.add_argument("--health-check", action="store_true", help="only say what /readyz looks at; 1 if unwell")
        parser.add_argument("--verify", action="store_true", help="only check roles, keys and the trail; 1 if unsound")
        parser.add_argument("--reset", action="store_true", help="drop everything first; asks for the database's name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["health_check"]:
            return self._health_check()
        if options["verify"]:
            return self._verify()
        if options["reset"]:
            self._reset()
        if problem := unprepared():
            raise CommandError(f"{problem} Run `manage.py migrate` first.")
        try:
            self._hand_over(installation.initialise(default_users=not options["no_default_users"]))
            if options["sample_data"]:
                self._add_sample_data()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        return None

    def _hand_over(self, people: list[installation.FirstPerson]) -> None:
        """Say who may sign in: on a terminal once and for all, elsewhere by a file that only its owner may read."""
        known = [person for person in people if not person.password]
        new = [person for person in people if person.password]
        for person in known:
            self.stdout.write(f"{person.username}: the password given by GATEHOUSE_ADMIN_PASSWORD.")
        if new and sys.stdout.isatty():
            for person in new:
                self.stdout.write(f"{person.username}: {person.password}")
            self.stdout.write("Shown only now, and to be changed at first sign-in.")
        elif new:
            file = installation.first_sign_in_file()
            installation.leave_passwords(new, file=file)
            self.stdout.write(f"Names and first passwords are in {file}.")

    def _add_sample_data(self) -> None:
        made = add_sample_data()
        if not made:
            self.stdout.write("The sample team was here already.")
            return
        self.stdout.write(f"Added {', '.join(f'{count} {name}' for name, count in made.items())}.")
        self.stdout.write("These people cannot sign in until an admin gives them a password.")

    def _health_check(self) -> None:
        found = findings()
        for finding in found:
            self.stdout.write(f"{finding.name}: {finding.problem or 'well'}")
        if not is_ready(found):
            raise CommandError("Not ready.")

    def _verify(self) -> None:
        faults = list(installation.faults())
        for fault in faults:
            self.stdout.write(fault)
        if faults:
            raise CommandError("Not sound.")
        self.stdout.write("Sound: roles, admins, keys and the audit trail are as they should be.")

    def _reset(self) -> None:
        name = str(connection.settings_dict["NAME"]).rpartition("/")[2]
        self.stdout.write(f"This drops everything in the database {name}: people, conversations, settings, the trail.")
        try:
            typed = input(f"Type {name} to go on: ")
        except EOFError:
            typed = ""
        if typed.strip() != name:
            raise CommandError("Nothing was changed.")
        installation.drop_everything()
        installation.first_sign_in_file().unlink(missing_ok=True)
        call_command("migrate", verbosity=0)
