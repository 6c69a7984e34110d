from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store import cli
from settings_store.actions.secret import reveal_secret


class Command(BaseCommand):
    help = "Print the value of a setting, and nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key")
        cli.add_environment(parser)
        parser.add_argument("--json", action="store_true", help="as JSON, with its type and source")
        parser.add_argument("--reveal", action="store_true", help="print a secret, which the trail notes")

    def handle(self, *args: Any, **options: Any) -> None:
        definition, environment = cli.definition_named(options["key"]), cli.check_environment(options["environment"])
        found = cli.all_held([definition], environment)[definition.key]
        if found.error is not None:
            raise CommandError(found.trouble)
        answer = cli.as_json(definition, found)
        text = "" if found.is_unset else cli.as_text(definition, found)
        for note in cli.notes(definition, environment, found):
            self.stderr.write(note)
        if definition.is_secret and not found.is_unset:
            if not options["reveal"]:
                raise CommandError(_("This is a secret; it is printed only with --reveal, which the trail notes."))
            try:
                text = answer["value"] = reveal_secret(actor=None, key=definition.key, environment=environment)
            except ValidationError as error:
                raise CommandError(error.messages[0]) from None
        self.stdout.write(cli.dumps(answer) if options["json"] else text)
