"""Messages in templates."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from chat.markdown import finished_length, to_html, unfinished_html

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """A finished answer as HTML."""
    return to_html(text)


@register.filter
def finished_blocks(text: str) -> SafeString:
    """Of an answer being written, the blocks that will not change any more, as HTML."""
    return to_html(text[: finished_length(text)])


@register.filter
def unfinished_rest(text: str) -> SafeString:
    """Of an answer being written, what comes after its finished blocks."""
    return unfinished_html(text[finished_length(text) :])


@register.filter
def milliseconds(value: int | None) -> float | None:
    """Milliseconds as the seconds that `duration` writes."""
    return None if value is None else value / 1000
