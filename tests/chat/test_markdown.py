from __future__ import annotations

import gc
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.markdown import LEXERS, MAX_COLOURED, finished_length, opens_code, to_html

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![alt](https://evil.example/pixel.png)",
    "![alt][1]\n\n[1]: https://evil.example/pixel.png",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt&colon;alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x)",
    "[click](/logout/)",
    "[click](//evil.example)",
    "<a href='javascript:alert(1)'>x</a>",
    "<javascript:alert(1)>",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example" onmouseover="alert(1))',
    "<div hx-get='/users/' hx-trigger='load'>x</div>",
    "<span sse-connect='/x' class='btn danger primary'>x</span>",
    '```" onclick="alert(1)\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    "```python class='btn'\nx\n```",
    "<svg/onload=alert(1)>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{display:none}</style>",
    "<form action=/logout/ method=post><button>x</button></form>",
    "`<b>`",
    "| a |\n|:-:|\n| <img src=x onerror=alert(1)> |",
    "<!-- --><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "\\<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<https://a.example/?q=<script>>",
    "[a](<https://a.example/ onclick=x>)",
]
TAG = re.compile(r"<(/?)([a-z0-9]+)((?:\s[^<>]*)?)>")
ALLOWED_TAGS = {
    "p", "br", "hr", "em", "strong", "s", "blockquote", "ul", "ol", "li", "h3", "h4", "h5", "h6",
    "a", "code", "pre", "span", "figure", "figcaption", "button", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
ALLOWED_ATTRIBUTES = re.compile(
    r"""(?: \s (?: href="(?:https?://|mailto:)[^"]*" | title="[^"]*" | rel="noopener\ noreferrer\ nofollow"
    | target="_blank" | start="\d+" | class="(?:code|btn\ quiet\ small|[a-z][a-z0-9]{0,2})" | type="button"
    | data-copy-code="" | tabindex="0" ) )*""",
    re.VERBOSE | re.IGNORECASE,
)


def assert_harmless(html: str) -> None:
    """Nothing but the allowed tags with their allowed attributes, every other angle bracket escaped."""
    for _close, tag, attributes in TAG.findall(html):
        assert tag in ALLOWED_TAGS, html
        assert ALLOWED_ATTRIBUTES.fullmatch(attributes), html
    assert "<" not in TAG.sub("", html), html


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_come_out_harmless_whole_and_half_written(payload: str) -> None:
    text = f"Before\n\n{payload}\n\n- {payload}\n\n> {payload}"
    assert_harmless(to_html(text))
    for end in range(len(payload)):
        assert_harmless(to_html(payload[:end]))


@settings(deadline=None)  # the first highlighting loads its lexer
@given(
    st.lists(
        st.sampled_from([*PAYLOADS, "\n", "\n\n", "```", "*", "_", "[", "](", ")", "`", "  ", "|", "#", ">"]),
        max_size=8,
    )
)
def test_mixtures_come_out_harmless(parts: list[str]) -> None:
    assert_harmless(to_html("".join(parts)))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_comes_out_harmless(text: str) -> None:
    assert_harmless(to_html(text))


def test_what_markdown_is_for() -> None:
    html = to_html(
        "# Title\n\nSome **bold** ~~old~~ `code` [link](https://a.example)\n\n1. one\n2. two\n\n|a|\n|-|\n|b|"
    )
    assert "<h3>Title</h3>" in html
    assert "<strong>bold</strong> <s>old</s> <code>code</code>" in html
    assert '<a href="https://a.example" target="_blank" rel="noopener noreferrer nofollow">link</a>' in html
    assert "<ol>\n<li>one</li>" in html
    assert "<td>b</td>" in html


def test_code_is_coloured_labelled_and_can_be_copied() -> None:
    html = to_html('```python\ndef f():\n    return "<b>"\n```')
    assert '<span class="k">def</span>' in html
    assert "&lt;b&gt;" in html
    assert "<figcaption>python <button" in html
    assert "data-copy-code" in html


def test_pictures_are_words() -> None:
    assert to_html("![a cat](https://evil.example/cat.png)") == "<p>a cat</p>\n"


def test_deep_nesting_and_long_text_come_back() -> None:
    assert_harmless(to_html(">" * 5000 + "x"))
    assert_harmless(to_html("[" * 5000 + "x"))
    assert_harmless(to_html("*" * 20_000))


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("", ""),
        ("One", ""),
        ("One\n\nTwo", "One\n\n"),
        ("One\n\n- a\n\n- b", "One\n\n"),
        ("One\n\n```\ncode\n\nmore", "One\n\n"),
        ("```\ncode\n```\nAfter", "```\ncode\n```\n"),
        ("a | b\n", ""),
    ],
)
def test_blocks_that_cannot_change_any_more(text: str, finished: str) -> None:
    assert text[: finished_length(text)] == finished


@settings(deadline=None)
@given(st.text(alphabet="ab\n -*`>#|1.", max_size=60))
def test_finished_blocks_grow_and_never_shrink(text: str) -> None:
    lengths = [finished_length(text[:end]) for end in range(len(text) + 1)]
    assert all(length <= end for end, length in enumerate(lengths))


# Each was seen to take seconds or minutes of a whole process, or is of the kind that could.
ADVERSARIES = {
    "pictures": "![",
    "links": "[",
    "references": "[a][",
    "emphasis": "*a_",
    "list": "1) a\n2. b\n",
    "quotes": ">a\n\n",
    "table": "|a|b|\n|-|-|\n",
    "rst": "```rst\n" + "`a <" * 1700 + "\n```\n",
    "html+ng2": "```html+ng2\n" + "(" * 6000 + "\n```\n",
    "autohotkey": "```autohotkey\n" + " \n" * 3000 + "\n```\n",
    "gherkin": "```gherkin\n" + " \n" * 3000 + "\n```\n",
    "java": "```java\n" + "a " * 3000 + "\n```\n",
    "python": "```python\n" + " \n" * 1400 + "a\n```\n",
    "long python": "```python\n" + " \n" * 40_000 + "a\n```\n",
    "fence of spaces": "```" + " " * 50_000,
    "fence of tildes": "~" * 50_000,
}


def seconds(text: str) -> float:
    """How long a text takes, without what other processes took meanwhile."""
    times = []
    # The collector of garbage would run at times that have nothing to do with the text.
    gc.disable()
    for _ in range(3):
        began = time.process_time()
        to_html.__wrapped__(text)
        finished_length(text)
        opens_code(text)
        times.append(time.process_time() - began)
    gc.enable()
    return min(times) + 0.005


@pytest.mark.parametrize("adversary", ADVERSARIES.values(), ids=ADVERSARIES)
def test_no_answer_costs_more_than_its_length(adversary: str) -> None:
    def reading(length: int) -> float:
        return seconds((adversary * (length // len(adversary) + 1))[:length])

    # Three times the length: nine times would be the square.
    assert reading(24_000) / reading(8_000) < 6
    # And what is longer than any usual answer hardly costs more than that.
    assert reading(100_000) / reading(24_000) < 4


@pytest.mark.parametrize("lexer", sorted(set(LEXERS.values())))
def test_coloured_code_costs_little_more_than_its_length(lexer: str) -> None:
    def colouring(piece: str, length: int) -> float:
        return seconds(f"```{lexer}\n{(piece * length)[:length]}\n```")

    for piece in (" \n", "\n", "'\\", "a?", "_", "`a <", "(", "/", "a/", "<a ", "$"):
        # Four times would be the square of the length, which so little code may cost; eight would be the cube.
        assert colouring(piece, MAX_COLOURED - 1) / colouring(piece, MAX_COLOURED // 2) < 6, piece


def test_what_is_written_beyond_the_bound_is_still_there() -> None:
    html = to_html("**bold**\n\n" * 5_000 + "the **last** words & <b>\n\nend")
    assert html.startswith("<p><strong>bold</strong></p>")
    assert html.endswith("<p>the **last** words &amp; &lt;b&gt;</p>\n\n<p>end</p>")
    assert html.count("bold") == 5_000


def test_an_answer_gets_its_colours_up_to_a_bound() -> None:
    code = "```python\n" + "x = 1\n" * 300 + "```\n\n"
    assert to_html(code).count('<span class="n">x</span>') == 300
    assert to_html(code * 20).count('<span class="n">x</span>') == 300 * 4
    assert "<span" not in to_html(code, in_colour=False)
