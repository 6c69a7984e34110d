from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from settings_store import cli
from settings_store.actions import Change, ProtectedSetting, change_settings

# More than any value may be.
MOST_CHARACTERS = 1_000_000


class Command(BaseCommand):
    help = "Give a setting a value, as a new version; prints nothing. A secret is read from standard input alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("value", nargs="?", help="the value as a form takes it")
        what.add_argument("--stdin", action="store_true", help="read the value from standard input")
        what.add_argument("--clear", action="store_true", help="take the environment's own value away")
        cli.add_environment(parser)
        parser.add_argument("--reason", default="", help="stays in the history")
        parser.add_argument(
            "--despite-protection", action="store_true", help="also where the setting needs a second person's approval"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        definition, environment = cli.definition_named(options["key"]), cli.check_environment(options["environment"])
        if definition.is_secret and options["value"] is not None:
            raise CommandError(
                _("A secret is read from standard input (--stdin): arguments are seen by other processes.")
            )
        change = Change(key=definition.key, environment=environment, value=self._value(options))
        try:
            change_settings(
                actor=None,
                changes=[change],
                reason=options["reason"],
                despite_protection=options["despite_protection"],
            )
        except ProtectedSetting:
            raise CommandError(
                _("This setting is protected: propose the change on its page, or say --despite-protection.")
            ) from None
        except ValidationError as error:
            raise CommandError(f"{definition.key}: {error.messages[0]}") from None

    def _value(self, options: dict[str, Any]) -> str | None:
        if options["clear"]:
            return None
        if not options["stdin"]:
            if options["value"] is None:
                raise CommandError(_("Say which value, or one of --stdin and --clear."))
            return str(options["value"])
        try:
            text = sys.stdin.read(MOST_CHARACTERS + 1)
        except UnicodeDecodeError:
            raise CommandError(_("Standard input is not text in UTF-8.")) from None
        if len(text) > MOST_CHARACTERS:
            raise CommandError(_("At most %(most)d characters.") % {"most": MOST_CHARACTERS})
        return text.removesuffix("\n")
