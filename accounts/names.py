"""How names are compared: two spellings that people take for one must never be two accounts."""

from __future__ import annotations

import hashlib
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.utils.encoding import punycode
from django.utils.translation import gettext_lazy as _

USERNAME_LENGTH = 150
EMAIL_LENGTH = 254

# Not shown, and dropped where names are compared elsewhere: what Unicode calls default ignorable, beside the controls
# and the marks of formatting.
_IGNORABLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2065, 0x2065),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFF8),
        (0xE0000, 0xE0FFF),
    )
    for code in range(first, last + 1)
)
# Scripts whose letters are taken for those of one another.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "COPTIC", "ARMENIAN", "CHEROKEE"})

_INVISIBLE = _("This contains a character that cannot be seen. Type it anew.")

username_validator = RegexValidator(
    r"\A\w[\w.+-]*\Z", _("Use letters, digits and . + - _ only, beginning with a letter or digit.")
)


def normalised(name: str) -> str:
    """The form in which e-mail addresses and usernames are compared: NFKC and case-folded (Unicode TR 36)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def exact_key(text: str) -> str:
    """What is unique where no letter may be taken for another one; some databases compare text without its case."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def key_of(name: str) -> str:
    """The form in which somebody is looked up by a username or an e-mail address.

    The domain of an address is compared as letters are delivered to it; where none could be, as it is written.
    """
    key = normalised(name)
    mailbox, at, domain = key.rpartition("@")
    return f"{mailbox}@{delivered_domain(domain) or domain}" if at else key


def delivered_domain(domain: str) -> str:
    """A domain in the form of IDNA; empty where no letter could ever reach it."""
    try:
        return punycode(normalised(domain)).rstrip(".")
    except UnicodeError:
        return ""


def storable(text: str) -> bool:
    """Whether every database takes this text: no NUL, and no lone surrogates, which UTF-8 cannot carry."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def clean_username(value: str) -> str:
    """A username in the form it is kept in; ValidationError with a sentence where it cannot be one."""
    name = unicodedata.normalize("NFKC", value).strip()
    if not storable(name):
        raise ValidationError(_("This contains a character that cannot be kept."))
    username_validator(name)
    refuse_disguise(name)
    # Folding can lengthen a name: one letter ß becomes two.
    if max(len(name), len(normalised(name))) > USERNAME_LENGTH:
        raise ValidationError(_("Use %(limit)s characters at most."), params={"limit": USERNAME_LENGTH})
    return name


def refuse_disguise(name: str) -> None:
    """ValidationError where a name of one word could pass for another one: by what is not seen, or by look-alikes."""
    if _has_invisible(name):
        raise ValidationError(_INVISIBLE)
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in name if letter.isalpha()}
    if len(scripts & _ALIKE) > 1:
        raise ValidationError(_("Use letters of one script: these look like a name that is spelled otherwise."))


def clean_email(value: str) -> str:
    """An e-mail address in the form it is kept in; ValidationError with a sentence where it cannot be one."""
    address = unicodedata.normalize("NFKC", value).strip()
    if not storable(address):
        raise ValidationError(_("This contains a character that cannot be kept."))
    if max(len(address), len(key_of(address))) > EMAIL_LENGTH:
        raise ValidationError(_("Use %(limit)s characters at most."), params={"limit": EMAIL_LENGTH})
    validate_email(address)
    if _has_invisible(address):
        raise ValidationError(_INVISIBLE)
    if not delivered_domain(address.rpartition("@")[2]):
        raise ValidationError(_("No letter can reach an address with this domain."))
    return address


def _has_invisible(text: str) -> bool:
    return any(letter in _IGNORABLE or unicodedata.category(letter) in {"Cc", "Cf"} for letter in text)
