"""The only way from a model's words to HTML: Markdown first, then one sanitiser with an explicit list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import nh3
from django.utils.html import escape, format_html, linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name

# A model's words must never hold up the process that shows them, so work is bounded before it begins: what follows
# this many characters stands as plain paragraphs, and only so much code is coloured in one block and in one answer.
MAX_MARKDOWN = 30_000
MAX_COLOURED = 3_000
MAX_COLOURED_IN_ALL = 8_000
# Code is coloured in these languages alone. Each lexer was tried with repeats of its own delimiters; many others
# (Java, C and its kin, reStructuredText …) need seconds or minutes for a few thousand characters written to that end.
LEXERS = {
    name: lexer
    for lexer, names in {
        "bash": "sh shell zsh",
        "css": "",
        "diff": "patch",
        "docker": "dockerfile",
        "go": "golang",
        "html": "",
        "ini": "cfg conf",
        # The lexers of its dialects are not up to it, and this one shows them well enough.
        "javascript": "js jsx ts tsx typescript",
        "json": "",
        "php": "",
        "python": "py python3",
        "ruby": "rb",
        "rust": "rs",
        "scss": "",
        "sql": "mysql postgres postgresql sqlite",
        "toml": "",
        "xml": "svg",
        "yaml": "yml",
    }.items()
    for name in (lexer, *names.split())
}

TAGS = {
    "p", "br", "hr", "em", "strong", "s", "blockquote", "ul", "ol", "li", "h3", "h4", "h5", "h6",
    "a", "code", "pre", "span", "figure", "figcaption", "button", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "span": {"class"},
    "figure": {"class"},
    "pre": {"tabindex"},
    "button": {"class", "type", "data-copy-code"},
}
# Only what the renderer below writes itself passes: nothing a model writes can look or act like the house.
OWN_VALUES = {
    ("figure", "class"): re.compile(r"code"),
    ("span", "class"): re.compile(r"[a-z][a-z0-9]{0,2}"),
    ("pre", "tabindex"): re.compile(r"0"),
    ("button", "class"): re.compile(r"btn quiet small"),
    ("button", "type"): re.compile(r"button"),
    ("button", "data-copy-code"): re.compile(r""),
    ("ol", "start"): re.compile(r"\d{1,9}"),
    # A relative address would be a page of this house; a model has no business pointing there.
    ("a", "href"): re.compile(r"(?:https?://|mailto:).+", re.DOTALL | re.IGNORECASE),
    ("a", "title"): re.compile(r".*", re.DOTALL),
    ("a", "target"): re.compile(r"_blank"),
    ("a", "rel"): re.compile(r"noopener noreferrer nofollow"),
}


@lru_cache(maxsize=256)
def to_html(text: str, *, in_colour: bool = True) -> SafeString:
    """Markdown as HTML that may stand in any page: no pictures, no raw HTML, safe on half-written text."""
    end = len(text)
    if end > MAX_MARKDOWN:
        end = text.rfind("\n\n", 0, MAX_MARKDOWN) + 1 or MAX_MARKDOWN
    html = _markdown.render(text[:end], {"may_colour": MAX_COLOURED_IN_ALL if in_colour else 0})
    if end < len(text):
        html += linebreaks(text[end:], autoescape=True)
    return mark_safe(_sanitiser.clean(html))  # noqa: S308 - this is the sanitiser


def finished_length(text: str) -> int:
    """How many characters of a growing text are blocks that nothing written later can change."""
    tokens: list[Token] = []
    _markdown.block.parse(text[:MAX_MARKDOWN], _markdown, {}, tokens)
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    if not starts or not starts[-1]:
        return 0
    return sum(len(line) + 1 for line in text.split("\n", starts[-1])[: starts[-1]])


def opens_code(text: str) -> bool:
    """Whether the rest of a growing text is code whose end has not come, its first line being whole."""
    return _opening_fence.match(text) is not None


def unfinished_html(text: str) -> SafeString:
    """The rest of a growing text, as it was written; the line that opens code gives way to a mark for the look."""
    opening = _opening_fence.match(text)
    if opening is None:
        return escape(text)
    return format_html('<span class="code-begun">{}</span>{}', opening["language"], text[opening.end() :])


def _own_values_only(tag: str, attribute: str, value: str) -> str | None:
    # An exception here would let the attribute pass, so what is unknown is answered, not looked up blindly.
    allowed = OWN_VALUES.get((tag, attribute))
    return value if allowed and allowed.fullmatch(value) else None


class _Renderer(RendererHTML):
    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        language = (token.info.split() or [""])[0][:30]
        return format_html(
            '<figure class="code"><figcaption>{} <button class="btn quiet small" type="button" data-copy-code="">{}'
            '</button></figcaption><pre tabindex="0"><code>{}</code></pre></figure>\n',
            language,
            _("Copy"),
            _coloured(token.content, language, env),
        )

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.fence(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        # A picture's address would tell its server that, and what, somebody read here.
        return escape(self.renderInlineAsText(tokens[idx].children, options, env))

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{_lowered(tokens[idx].tag)}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_lowered(tokens[idx].tag)}>\n"


def _lowered(heading: str) -> str:
    # The page has its own first and second headings.
    return f"h{min(int(heading[1]) + 2, 6)}"


def _coloured(code: str, language: str, env: EnvType) -> str | SafeString:
    lexer = LEXERS.get(language.lower())
    if lexer is None or len(code) > min(MAX_COLOURED, env["may_colour"]):
        return code
    env["may_colour"] -= len(code)
    found = get_lexer_by_name(lexer, stripnl=False, ensurenl=False)
    return mark_safe(highlight(code, found, HtmlFormatter(nowrap=True)))  # noqa: S308 - sanitised with the rest


# Possessive throughout: a line that only begins like this must not be tried in every way it could be divided.
_opening_fence = re.compile(r" {0,3}+(?:`{3,}+|~{3,}+) *+(?P<language>[^\s`]{0,30}+)[^`\n]*+\n")
_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}, renderer_cls=_Renderer)
_markdown.enable(["table", "strikethrough"])
_sanitiser = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=_own_values_only,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer nofollow",
)
