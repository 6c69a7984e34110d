"""The tags of the house, known to every template without loading."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms, template
from django.forms import BoundField
from django.http import HttpRequest
from django.template import Context
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from ui import moments, people
from ui.devices import device_in_words
from ui.keyset import Page
from ui.rail import rail_groups
from ui.registry import Permission, registry
from ui.sources import source_in_words

register = template.Library()

NEVER = mark_safe('<span class="faint">–</span>')
RECENT = mark_safe(" data-rel")


@register.simple_tag
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """One of static/icons.svg, hidden from screen readers unless it has a `label`."""
    href = f"{static('icons.svg')}#i-{name}"
    css = f"icon {classes}".strip()
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', css, label, href)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', css, href)


@register.simple_tag
def avatar(someone: object, size: str = "") -> SafeString:
    """The initials of somebody in a circle; `size` "l" is the large one of a page head."""
    css = f"avatar {size}".strip()
    return format_html('<span class="{}" aria-hidden="true">{}</span>', css, people.initials(people.name_of(someone)))


@register.simple_tag
def person(someone: object, url: str = "") -> SafeString:
    """Initials and name of a user or of a name that was kept, as a link where `url` is given."""
    name = people.name_of(someone)
    if not name:
        return format_html('<span class="who faint">{}{}</span>', avatar(None), _("nobody"))
    if url:
        return format_html('<a class="who" href="{}">{}{}</a>', url, avatar(name), name)
    return format_html('<span class="who">{}{}</span>', avatar(name), name)


@register.simple_tag
def reltime(moment: datetime | None) -> SafeString:
    """A moment as people say it ("3 min", "yesterday"), with the exact one in its title."""
    if moment is None:
        return NEVER
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        moment.isoformat(),
        moments.exact(moment),
        RECENT if moments.is_recent(moment) else "",
        moments.relative(moment),
    )


@register.simple_tag
def agotime(moment: datetime | None) -> SafeString:
    """A moment within a sentence ("3 min ago", "on 12 Nov"), with the exact one in its title."""
    if moment is None:
        return NEVER
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), moments.exact(moment), moments.ago(moment)
    )


@register.simple_tag
def exacttime(moment: datetime | None) -> SafeString:
    """A moment to the second, in the person's time zone."""
    if moment is None:
        return NEVER
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), moments.exact(moment))


@register.simple_tag
def clocktime(moment: datetime) -> SafeString:
    """A moment to the second for a list, with its day where that is not today, and all of it in its title."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), moments.exact(moment), moments.clock(moment)
    )


@register.filter
def device(user_agent: str) -> str:
    """The browser and system of a user agent in words; nothing where there is none."""
    return device_in_words(user_agent) if user_agent else ""


@register.filter
def duration(length: timedelta | float | None) -> str:
    """A timedelta or a number of seconds: "0.41 s", "2 min", "3 h 5 min"."""
    return "–" if length is None else moments.span(length)


@register.simple_tag
def source(kind: str, label: str = "") -> SafeString:
    """Where a setting's value comes from, as a badge; nothing where it comes from nowhere."""
    if not kind:
        return SafeString("")
    words = label or source_in_words(kind)
    if kind == "environment":
        return format_html('<span class="src">{} {}</span>', icon("lock", "s"), words)
    return format_html('<span class="src" data-src="{}">{}</span>', kind, words)


@register.simple_tag
def control(bound: BoundField, **attributes: Any) -> SafeString:
    """Only the widget of a field, with the classes of the house; extra attributes use _ for -."""
    widget = bound.field.widget
    attrs = {name.replace("_", "-"): value for name, value in attributes.items()}
    own = "" if _is_bare(widget) else "input"
    classes = " ".join(filter(None, [own, widget.attrs.get("class", ""), attrs.pop("class", "")]))
    if classes:
        attrs["class"] = classes
    return bound.as_widget(attrs=attrs)


@register.inclusion_tag("ui/field.html")
def field(
    bound: BoundField, *, label: str = "", suffix: str = "", aside: str = "", **attributes: Any
) -> dict[str, Any]:
    """A whole field: label above, control, help below, errors in their place."""
    widget = bound.field.widget
    kind = "plain"
    if isinstance(widget, forms.CheckboxInput):
        kind = "check"
    elif isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        kind = "group"
    return {
        "kind": kind,
        "bound": bound,
        "id": bound.auto_id,
        "label": label or bound.label,
        "suffix": suffix,
        "aside": aside,
        "help": bound.help_text,
        "errors": bound.errors,
        "describedby": bound.aria_describedby,
        "control": "" if kind == "group" else control(bound, **attributes),
    }


@register.inclusion_tag("ui/error_summary.html")
def error_summary(form: forms.BaseForm) -> dict[str, Any]:
    """What is to be put right, at the top of a form; takes the focus."""
    fields = [bound for bound in form.visible_fields() if bound.errors]
    return {
        "form": form,
        "fields": fields,
        "number": sum(len(bound.errors) for bound in fields),
        "hidden": [bound for bound in form.hidden_fields() if bound.errors],
    }


@register.inclusion_tag("ui/sort_column.html")
def sort_column(page: Page[Any], name: str, label: str, classes: str = "") -> dict[str, str]:
    """The head of a column that sorts a keyset page."""
    return {"label": label, "classes": classes, "url": page.sort_url(name), "state": page.sort_state(name)}


@register.inclusion_tag("ui/pager.html")
def pager(page: Page[Any], words: str = "") -> dict[str, Any]:
    """Older and newer, or previous and next, of a keyset page."""
    return {"page": page, "words": words}


@register.inclusion_tag("ui/rail.html", takes_context=True)
def rail(context: Context) -> dict[str, Any]:
    """The pages this person may open, by group."""
    request: HttpRequest = context["request"]
    return {"groups": rail_groups(request, path=context.get("rail_path") or ""), "at_home": request.path == "/"}


@register.simple_tag
def permission_named(name: str) -> Permission | None:
    """The declared permission of this name, or None."""
    return registry.permissions.get(name)


def _is_bare(widget: forms.Widget) -> bool:
    """Boxes, switches and groups have a look of their own, hidden inputs none."""
    boxes = (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple)
    return isinstance(widget, boxes) or widget.is_hidden
