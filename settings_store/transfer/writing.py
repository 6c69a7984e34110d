"""Files of settings, written, so that reading them gives the same values."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml
from dotenv.parser import parse_stream

from settings_store import holding
from settings_store.actions.setting import rows_of
from settings_store.definitions import Definition
from settings_store.transfer.entries import HEADER, HEADER_VALUE, LEFT_OUT
from settings_store.transfer.passphrase import Passphrase
from settings_store.values import SettingType

MIME = {"yaml": "application/yaml", "json": "application/json", "env": "text/plain"}
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")


@dataclass
class Taken:
    """The values that go into a file, by environment and key, and the names of those that do not."""

    values: dict[str, list[tuple[Definition, Any]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    secrets: int = 0

    @property
    def count(self) -> int:
        return sum(len(values) for values in self.values.values())


def taken(
    definitions: Iterable[Definition], environments: Iterable[str], *, own_only: bool, passphrase: Passphrase | None
) -> Taken:
    """What holds in these environments, or only what is set there; secrets sealed under the passphrase, or left out."""
    found, every = Taken(), sorted(definitions, key=lambda definition: definition.key)
    rows = rows_of(definition.key for definition in every)
    for environment in environments:
        values = found.values.setdefault(environment, [])
        for definition in every:
            held = holding.held(definition, environment, rows)
            name = f"{definition.key} ({environment})"
            if own_only and held.source != "own" and not any(each.source == "own" for each in held.passed_over):
                continue
            if held.error or (own_only and held.source != "own") or not definition.is_mutable:
                found.left_out.append(name)
            elif held.is_empty and (definition.required or definition.is_secret or held.value is None):
                continue
            elif not definition.is_secret:
                values.append((definition, held.value))
            elif passphrase is None or held.source == "environment":
                found.left_out.append(name)
            else:
                sealed = passphrase.seal(held.value, key=definition.key, environment=environment)
                values.append((definition, sealed))
                found.secrets += 1
    return found


def write(found: Taken, format_: str) -> str:
    """The text of the file; a .env file has room for one environment alone."""
    if format_ == "env":
        return _env(found)
    plain = {
        environment: {definition.key: _plain(definition, value) for definition, value in values}
        for environment, values in found.values.items()
    }
    whole: dict[str, Any] = {HEADER: HEADER_VALUE, "environments": plain}
    if found.left_out:
        whole[LEFT_OUT] = found.left_out
    if format_ == "json":
        return json.dumps(whole, ensure_ascii=False, indent=2, default=str) + "\n"
    return yaml.dump(whole, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        # What stands in two environments stands there twice: references are not read back.
        return True


_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", f"{value:f}"))


def _plain(definition: Definition, value: Any) -> Any:
    """The value as YAML and JSON have one, and as people write it where they have none."""
    if definition.type in (SettingType.BOOLEAN, SettingType.INTEGER, SettingType.DECIMAL, SettingType.JSON):
        return value
    return str(value) if definition.is_secret else definition.written(value)


def _env(found: Taken) -> str:
    lines, left_out = [], list(found.left_out)
    for values in found.values.values():
        for definition, value in values:
            text = str(value) if definition.is_secret else _one_line(definition, value)
            line = _assignment(definition.variable, text)
            if line:
                lines.append(line)
            else:
                left_out.append(definition.key)
    notes = [f"# left out: {name}\n" for name in left_out]
    return "".join([*lines, *notes])


def _one_line(definition: Definition, value: Any) -> str:
    if definition.type is SettingType.JSON:
        # Spelt so that the line never needs more than plain quotes around it.
        return json.dumps(value, ensure_ascii=False).replace("\\\\", "\\u005c").replace("'", "\\u0027")
    return definition.written(value)


def _assignment(name: str, text: str) -> str:
    """The line that readers of .env files and shells alike take for `text`, running nothing; empty where there is none.

    A shell takes everything between single quotes as it stands, and between double ones all but `$` and a backquote,
    for which only shells have an escape.
    """
    forms = [text] if _BARE.fullmatch(text) else []
    forms += [f"'{text}'"] if not {"'", "\r"} & set(text) else []
    if not set("$`\r") & set(text):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        forms.append(f'"{escaped}"')
    for form in forms:
        line = f"{name}={form}\n"
        read = list(parse_stream(io.StringIO(line)))
        if len(read) == 1 and not read[0].error and read[0].value == text:
            return line
    return ""
