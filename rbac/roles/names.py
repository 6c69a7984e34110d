"""Names of roles: none may pass for that of another role, whatever letters it is written with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.names import normalised, refuse_disguise

# Letters of Cyrillic, Greek, Armenian and of phonetics, and the Latin ones that hardly anybody tells them from.
_LOOKS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜԌҮԁаеіјорсѕухһԛԝӏ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχϳ" + "ՏՕՍօսոհզցյ" + "ıɑɡ",
    "ABESIJKMHOPCTYXQWGYdaeijopcsyxhqwl" + "ABEZHIKMNOPTYXaiKvoptuxj" + "SOUounhqgj" + "iag",
)  # fmt: skip
# Those of Lisu, Cherokee and Coptic.
_LOOKS |= str.maketrans(
    "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ" + "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᎩᏃ" + "ⲀⲂⲈⲒⲔⲘⲚⲞⲢⲤⲦⲨⲬⲁⲃⲉⲓⲕⲙⲛⲟⲣⲥⲧⲩⲭ",
    "BPDTGKJCZFMNLSRVHWXYAEIOU" + "ABCDEGHIJKLMPRSTVWYZ" + "ABEIKMNOPCTYXaBeikmnopctyx",
)  # fmt: skip
# Small capitals and the letters with hooks of phonetics are called after the letter that they look like.
_PHONETIC = re.compile(r"LATIN (?:LETTER SMALL CAPITAL|SMALL LETTER) ([A-Z])(?: WITH .+)?")
# Scripts that words of others stand in without a space.
_MIXED = {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "MODIFIER"}
# Shown as nothing, or as a space, and in no class of Unicode that would say so.
_BLANK = "\u2800"


def refuse_alike(name: str, others: Iterable[str]) -> None:
    """ValidationError where `name` hides something, or looks like one of `others` though it is spelled otherwise."""
    if _BLANK in name:
        raise ValidationError(_("This contains a character that cannot be seen. Type it anew."))
    for word in name.split():
        refuse_disguise(word)
        scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in _plain(word) if letter.isalpha()}
        if len(scripts - _MIXED) > 1:
            raise ValidationError(_("Use letters of one script: these look like a name that is spelled otherwise."))
    seen = look(name)
    for other in others:
        if look(other) == seen:
            raise ValidationError(_("This looks like the name “%(name)s”. Choose another one."), params={"name": other})


def look(name: str) -> str:
    """The form in which two names are the same where they look the same."""
    latin = "".join(map(_without_phonetics, _plain(name).translate(_LOOKS)))
    return "".join(normalised(latin).split())


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _without_phonetics(letter: str) -> str:
    if not ("\u0250" <= letter <= "\u02af" or "\u1d00" <= letter <= "\u1dbf" or "\ua720" <= letter <= "\ua7ff"):
        return letter
    found = _PHONETIC.fullmatch(unicodedata.name(letter, ""))
    return found[1] if found else letter
