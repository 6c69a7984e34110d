from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from settings_store import cli, own


class Command(BaseCommand):
    help = "Print every setting with its value and where that comes from; secrets as dots."

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_environment(parser)
        parser.add_argument("--differs", action="store_true", help="only those whose value is not the one from code")
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        definitions = {definition.key: definition for definition in own.every_definition()}
        found = cli.all_held(definitions.values(), cli.check_environment(options["environment"]))
        if options["differs"]:
            found = {key: each for key, each in found.items() if each.is_given}
        if options["json"]:
            self.stdout.write(cli.dumps([cli.as_json(definitions[key], each) for key, each in found.items()]))
            return
        for key, each in found.items():
            text = cli.as_text(definitions[key], each).replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
            self.stdout.write(f"{key}\t{text}\t{cli.source_of(each)}")
