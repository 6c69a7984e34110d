"""Text files that come with a message, taken by what they hold and never by what a browser says of them."""

from __future__ import annotations

import unicodedata
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from settings_store.store import get_setting

KILOBYTE = 1024
MAX_NAME = 150
# What people and programs write as text; what ends otherwise is most likely none, whatever it holds.
ENDINGS = frozenset(
    {
        "adoc", "bash", "bat", "c", "cc", "cfg", "clj", "cmake", "conf", "cpp", "cs", "css", "csv", "cypher", "dart",
        "diff", "dockerfile", "eml", "env", "erb", "ex", "exs", "f90", "gitignore", "go", "gradle", "graphql", "groovy",
        "h", "hcl", "hpp", "hs", "htm", "html", "ics", "ini", "ipynb", "java", "jl", "js", "json", "json5", "jsonl",
        "jsx", "kt", "kts", "less", "lock", "log", "lua", "m", "make", "markdown", "md", "mdx", "mjs", "ml", "nim",
        "nix", "org", "patch", "php", "pl", "po", "properties", "proto", "ps1", "py", "pyi", "r", "rb", "rs", "rst",
        "sass", "scala", "scss", "sh", "sql", "srt", "svelte", "svg", "swift", "tex", "text", "tf", "toml", "ts", "tsv",
        "tsx", "txt", "vb", "vcf", "vtt", "vue", "xml", "xsd", "xsl", "yaml", "yml", "zig", "zsh",
    }
)  # fmt: skip
NAMES_WITHOUT_ENDING = frozenset({"changelog", "dockerfile", "gemfile", "license", "makefile", "procfile", "readme"})


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file as it is kept: its text, and its size as it was sent, in bytes."""

    name: str
    content: str
    size: int


def read_files(files: Sequence[UploadedFile[Any]]) -> list[TextFile]:
    """The texts of uploaded files. Raises ValidationError with a sentence for each that is none, or is too much."""
    most = int(get_setting("chat.attachments_per_message"))
    if len(files) > most:
        raise ValidationError(
            ngettext("At most %(most)d file comes with a message.", "At most %(most)d files come with a message.", most)
            % {"most": most}
        )
    read: list[TextFile] = []
    problems: list[ValidationError] = []
    for file in files:
        try:
            read.append(_read(file))
        except ValidationError as problem:
            problems.append(problem)
    if problems:
        raise ValidationError(problems)
    return read


def _read(file: UploadedFile[Any]) -> TextFile:
    name = _kept_name(file.name or "")
    most = int(get_setting("chat.attachment_kilobytes")) * KILOBYTE
    if (file.size or 0) > most:
        raise _problem(
            _("“%(name)s” is too large: %(size)s, and at most %(most)s are read."),
            name,
            size=filesizeformat(file.size or 0),
            most=filesizeformat(most),
        )
    if not _is_named_as_text(name):
        raise _problem(_("“%(name)s” is not a text file by its name: text, tables and code can be attached."), name)
    content = _decoded(file.read())
    if content is None:
        raise _problem(_("“%(name)s” is not text in UTF-8 or UTF-16, whatever its name says."), name)
    if not content.strip():
        raise _problem(_("“%(name)s” is empty."), name)
    return TextFile(name, content, file.size or 0)


def _decoded(data: bytes) -> str | None:
    """Text in UTF-8, or in UTF-16 where a mark says so; None for anything else."""
    encoding = "utf-8"
    if data.startswith(BOM_UTF8):
        encoding = "utf-8-sig"
    elif data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _kept_name(name: str) -> str:
    """The last part of a name, without what cannot be seen; one that is too long loses letters before its ending."""
    seen = "".join(letter for letter in unicodedata.normalize("NFC", name) if unicodedata.category(letter)[0] != "C")
    path = PurePath(seen.replace("\\", "/")).name.strip() or "?"
    ending = PurePath(path).suffix[:20]
    return path if len(path) <= MAX_NAME else path[: MAX_NAME - len(ending)] + ending


def _is_named_as_text(name: str) -> bool:
    stem, dot, ending = name.lower().rpartition(".")
    return ending in ENDINGS if dot else (stem or ending) in NAMES_WITHOUT_ENDING


def _problem(sentence: str, name: str, **facts: str) -> ValidationError:
    return ValidationError(sentence % {"name": name, **facts})
