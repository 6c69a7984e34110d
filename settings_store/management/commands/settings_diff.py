from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store import cli, own
from settings_store.holding import PLACES


class Command(BaseCommand):
    help = "Print the settings that two environments do not hold alike; secrets as dots."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("left", help=", ".join(PLACES))
        parser.add_argument("right", help=", ".join(PLACES))
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        left, right = (cli.check_environment(options[side]) for side in ("left", "right"))
        if left == right:
            raise CommandError(_("These are the same environment."))
        definitions = own.every_definition()
        one, other = (cli.all_held(definitions, environment) for environment in (left, right))
        differing = [
            (definition, one[definition.key], other[definition.key])
            for definition in definitions
            if not one[definition.key].equals(other[definition.key])
        ]
        if options["json"]:
            self.stdout.write(
                cli.dumps(
                    [
                        {
                            "key": each.key,
                            left: cli.as_json(each, before)["value"],
                            right: cli.as_json(each, after)["value"],
                        }
                        for each, before, after in differing
                    ]
                )
            )
            return
        for definition, before, after in differing:
            self.stdout.write(definition.key)
            for sign, each in (("-", before), ("+", after)):
                for line in cli.as_text(definition, each).splitlines() or [""]:
                    self.stdout.write(f"{sign} {line}")
