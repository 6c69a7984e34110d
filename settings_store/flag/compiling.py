"""What evaluation makes of the rules of flags: documents that were checked, and which flags hang on which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from settings_store.flag.evaluation import Flag, Variant
from settings_store.flag.rules import Document, FlagType, moment


def compiled(key: str, kind: FlagType, document: Document) -> Flag:
    """A checked document as evaluation wants it, but for the flags it needs."""
    return Flag(
        key=key,
        type=kind,
        is_on=document["on"],
        starts=_seconds(document["from"]),
        ends=_seconds(document["until"]),
        excluded=frozenset(document["excluded"]),
        people=frozenset(document["people"]),
        roles=frozenset(document["roles"]),
        share=document["share"],
        variants=tuple(Variant(each["name"], each["value"], each["weight"]) for each in document["variants"]),
    )


def connect(flags: Mapping[str, Flag], needs: Callable[[str], list[str]]) -> None:
    """Give each flag those it needs; whatever hangs on a circle, or on one which is not there, is never on."""
    nowhere = Flag("")
    asked = {key: needs(key) for key in flags}
    needed_by = defaultdict[str, list[str]](list)
    # Of how many that are there it is not known yet whether they hang on a circle.
    left = dict.fromkeys(flags, 0)
    for key, names in asked.items():
        for name in names:
            if name in flags:
                needed_by[name].append(key)
                left[key] += 1
    ready = [key for key, count in left.items() if not count]
    while ready:
        key = ready.pop()
        flags[key].needs = tuple(flags.get(name, nowhere) for name in asked[key])
        for other in needed_by[key]:
            left[other] -= 1
            if not left[other]:
                ready.append(other)
    for key, count in left.items():
        if count:
            flags[key].needs = None


def _seconds(text: str | None) -> float:
    found = moment(text)
    # The first second of 1970 is a bound too, and 0 stands for none.
    return 0 if found is None else max(1, found.timestamp())
