"""Files of settings, read: bounded, strict, each slip named with its line.

A structured file (YAML, JSON) either holds `environments` with the settings of each, or settings alone, which are meant
for the environment that was chosen. A .env file holds variables named as those that lock settings.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from dotenv.parser import parse_stream

from settings_store import own, store
from settings_store.definitions import LOCK_PREFIX
from settings_store.transfer.entries import HEADER, HEADER_VALUE, LEFT_OUT, Entry

MOST_BYTES = 2_000_000
MOST_ENTRIES = 20_000
MOST_DEPTH = 30
# Longer runs of blanks would cost the reader of .env files their square.
_BLANKS = re.compile(r"[^\S\r\n]{80}")
# What no database keeps, nor any page shows.
_NOT_KEPT = re.compile("[\0\ud800-\udfff]")
_VARIABLE = re.compile(r"(export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=")


class _Number(str):
    """A number of a JSON file as it is written there."""

    __slots__ = ()


def decoded(content: bytes) -> str:
    """The text of a file; raises ValidationError."""
    if len(content) > MOST_BYTES:
        raise ValidationError(_("The file is too large: at most 2 MB are read."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValidationError(_("Line %(line)d is not text in UTF-8.") % {"line": line}) from None


def guessed_format(name: str, text: str) -> str:
    """The format of a file by its name, else by how it begins."""
    ending = name.lower().rpartition(".")[2]
    for format_, endings in (("yaml", {"yaml", "yml"}), ("json", {"json"}), ("env", {"env"})):
        if "." in name and ending in endings:
            return format_
    begin = next((line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"), "")
    if begin.startswith("{"):
        return "json"
    return "env" if _VARIABLE.match(begin) else "yaml"


def read(text: str, format_: str, *, environment: str) -> list[Entry]:
    """What a file gives settings, in its order; raises ValidationError with one sentence naming the place.

    `environment` is meant where the file names none.
    """
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise ValidationError(_("The file is too large: at most 2 MB are read."))
    slip = _NOT_KEPT.search(text)
    if slip is not None:
        line = text.count("\n", 0, slip.start()) + 1
        raise ValidationError(_("Line %(line)d holds characters that cannot be kept.") % {"line": line})
    readers = {"yaml": _from_yaml, "json": _from_json, "env": _from_env}
    entries: list[Entry] = []
    seen: dict[tuple[str, str], str] = {}
    for entry in readers[format_](text, environment):
        first = seen.get((entry.key, entry.environment))
        if first is not None:
            raise ValidationError(
                _("%(place)s: %(key)s stands there twice for %(environment)s, first at %(first)s.")
                % {"place": entry.place, "key": entry.key, "environment": entry.environment, "first": first}
            )
        seen[entry.key, entry.environment] = entry.place
        entries.append(entry)
        if len(entries) > MOST_ENTRIES:
            raise ValidationError(_("The file holds more than %(most)d settings; split it.") % {"most": MOST_ENTRIES})
    if not entries:
        raise ValidationError(_("There is no setting in it."))
    return entries


def _line(number: int) -> str:
    return _("Line %(line)d") % {"line": number}


def _refuse(place: str, sentence: str) -> ValidationError:
    return ValidationError(f"{place}: {sentence}")


def _check_kept(text: str, place: str) -> None:
    """Escapes spell what the text of a file itself may not hold."""
    if _NOT_KEPT.search(text):
        raise _refuse(place, _("This holds characters that cannot be kept."))


def _check_environment(name: str, place: str) -> None:
    if name not in store.PLACES:
        raise _refuse(
            place,
            _("There is no environment %(name)s; there are %(all)s.")
            % {"name": name[:40], "all": ", ".join(store.PLACES)},
        )


def _from_yaml(text: str, environment: str) -> Iterator[Entry]:
    try:
        _check_events(text)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        raise _refuse(_line(_line_of(error.problem_mark)), _("This is not YAML.")) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise _refuse(_line(line), _("This holds characters that YAML does not take.")) from None
    except yaml.YAMLError:
        raise ValidationError(_("This is not YAML.")) from None
    if not isinstance(root, yaml.MappingNode):
        raise ValidationError(_("This is not a list of settings with their values."))
    top = _pairs(root)
    if "environments" not in top:
        yield from _yaml_settings(top, environment)
        return
    for name, (key, value) in top.items():
        if name == HEADER and value.value != HEADER_VALUE:
            raise _refuse(_at(key), _("This is the format of another release."))
        if name not in (HEADER, LEFT_OUT, "environments"):
            raise _refuse(_at(key), _("%(name)s does not belong there.") % {"name": name[:80]})
    for name, (key, value) in _pairs(top["environments"][1]).items():
        _check_environment(name, _at(key))
        yield from _yaml_settings(_pairs(value), name)


def _check_events(text: str) -> None:
    """Refuse what makes a short file large or deep, before anything is made of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        place = _line(_line_of(event.start_mark))
        if isinstance(event, yaml.ScalarEvent):
            _check_kept(event.value, place)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refuse(place, _("References (& and *) are not taken."))
        if getattr(event, "tag", None):
            raise _refuse(place, _("Types written with ! are not taken."))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEPTH:
                raise _refuse(place, _("This is nested too deeply."))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _at(node: yaml.Node) -> str:
    return _line(_line_of(node.start_mark))


def _line_of(mark: Any) -> int:
    # The parser in C has marks of its own, which the type stubs tell apart.
    return int(mark.line) + 1 if mark else 1


def _pairs(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The pairs of a mapping by the text of their keys; raises ValidationError."""
    if not isinstance(node, yaml.MappingNode):
        raise _refuse(_at(node), _("Here names with their values are expected."))
    pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refuse(_at(key), _("A name must be plain text."))
        if key.value in pairs:
            raise _refuse(_at(key), _("%(name)s stands there twice.") % {"name": key.value[:120]})
        pairs[key.value] = key, value
    return pairs


def _yaml_settings(pairs: Mapping[str, tuple[yaml.Node, yaml.Node]], environment: str) -> Iterator[Entry]:
    for name, (key, value) in pairs.items():
        place = _at(key)
        if isinstance(value, yaml.ScalarNode):
            plain = _yaml_scalar(value)
            if plain is None:
                raise _refuse(place, _no_value(name))
            # As written, whatever YAML would make of it: `no` stays a word where a word is asked for.
            structure = None if isinstance(plain, str) else json.dumps(plain)
            yield Entry(name, environment, place, str(value.value), structure)
        else:
            yield Entry(name, environment, place, None, json.dumps(_yaml_value(value), ensure_ascii=False))


def _yaml_value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {name: _yaml_value(value) for name, (_key, value) in _pairs(node).items()}
    if isinstance(node, yaml.SequenceNode):
        return [_yaml_value(item) for item in node.value]
    return _yaml_scalar(node)


def _yaml_scalar(node: yaml.Node) -> Any:
    kind, text = node.tag.rpartition(":")[2], node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in ("yes", "true", "on")
    # Numbers as JSON knows them; hours with colons, octals and dates stay the text they are.
    if kind in ("int", "float") and re.fullmatch(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", text):
        return json.loads(text)
    return text


def _no_value(name: str) -> str:
    return _("%(name)s has no value there; leave it out to keep what holds.") % {"name": name[:120]}


def _from_json(text: str, environment: str) -> Iterator[Entry]:
    try:
        root = json.loads(
            text, object_pairs_hook=_distinct, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValidationError(_("This is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        raise _refuse(_line(error.lineno), _("This is not JSON.")) from None
    if not isinstance(root, dict):
        raise ValidationError(_("This is not a list of settings with their values."))
    if "environments" not in root:
        yield from _json_settings(root, environment)
        return
    if root.get(HEADER, HEADER_VALUE) != HEADER_VALUE:
        raise _refuse(HEADER, _("This is the format of another release."))
    for name in root:
        if name not in (HEADER, LEFT_OUT, "environments"):
            raise ValidationError(_("%(name)s does not belong there.") % {"name": name[:80]})
    if not isinstance(root["environments"], dict):
        raise _refuse("environments", _("Here names with their values are expected."))
    for name, values in root["environments"].items():
        _check_environment(name, "environments")
        if not isinstance(values, dict):
            raise _refuse(name, _("Here names with their values are expected."))
        yield from _json_settings(values, name)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, _value in pairs:
        _check_kept(name, _NOT_KEPT.sub("\N{REPLACEMENT CHARACTER}", name[:120]))
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _value in pairs).most_common(1)[0][0]
        raise ValidationError(_("%(name)s stands there twice.") % {"name": twice[:120]})
    return found


def _no_constant(name: str) -> Any:
    raise ValidationError(_("%(name)s is no value of JSON.") % {"name": name})


def _json_settings(values: Mapping[str, Any], environment: str) -> Iterator[Entry]:
    for name, value in values.items():
        place = f"{environment}, {name[:120]}"
        match value:
            case None:
                raise _refuse(place, _no_value(name))
            case bool():
                yield Entry(name, environment, place, "true" if value else "false", "true" if value else "false")
            case _Number():
                yield Entry(name, environment, place, str(value), str(value))
            case str():
                _check_kept(value, place)
                yield Entry(name, environment, place, value)
            case _:
                yield Entry(name, environment, place, None, json.dumps(_plain(value, place), ensure_ascii=False))


def _plain(value: Any, place: str, depth: int = 0) -> Any:
    if depth > MOST_DEPTH:
        raise _refuse(place, _("This is nested too deeply."))
    if isinstance(value, _Number):
        if len(value) > 60:
            raise _refuse(place, _("This number is too large."))
        return json.loads(value)
    if isinstance(value, str):
        _check_kept(value, place)
    if isinstance(value, dict):
        return {name: _plain(item, place, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, place, depth + 1) for item in value]
    return value


def _from_env(text: str, environment: str) -> Iterator[Entry]:
    blanks = _BLANKS.search(text)
    if blanks is not None:
        line = text.count("\n", 0, blanks.start()) + 1
        raise _refuse(_line(line), _("So many spaces in a row are not taken."))
    keys = {definition.variable: definition.key for definition in own.every_definition()}
    for binding in parse_stream(io.StringIO(text)):
        # A statement begins behind the empty lines that the parser counts to it.
        before = binding.original.string
        line = binding.original.line + before[: len(before) - len(before.lstrip())].count("\n")
        if binding.error:
            raise _refuse(_line(line), _("This is not of the form NAME=value."))
        if binding.key is None:
            continue
        if binding.value is None:
            raise _refuse(_line(line), _no_value(binding.key))
        # A variable of no setting keeps its name, so that the check says so with its line.
        name = binding.key
        key = keys.get(name, name.removeprefix(LOCK_PREFIX).lower() if name.startswith(LOCK_PREFIX) else name)
        yield Entry(key, environment, _line(line), binding.value, binding.value)
