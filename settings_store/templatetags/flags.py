"""{% flag "new-search" %}…{% else %}…{% endflag %}: what only those see for whom a flag is on."""

from __future__ import annotations

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.template.context import Context

from settings_store.flags import flag_enabled

register = template.Library()


class FlagNode(template.Node):
    child_nodelists = ("nodelist_on", "nodelist_off")

    def __init__(
        self, key: FilterExpression, default: FilterExpression | None, nodelist_on: NodeList, nodelist_off: NodeList
    ) -> None:
        self.key, self.default = key, default
        self.nodelist_on, self.nodelist_off = nodelist_on, nodelist_off

    def render(self, context: Context) -> str:
        # A variable that is not there has no name; it is asked for, and counted, as any unknown flag.
        key = str(self.key.resolve(context, ignore_failures=True) or "")
        default = bool(self.default.resolve(context, ignore_failures=True)) if self.default else False
        user = getattr(context.get("request"), "user", None)
        is_on = flag_enabled(key, user, default=default)
        return (self.nodelist_on if is_on else self.nodelist_off).render(context)


@register.tag
def flag(parser: Parser, token: Token) -> FlagNode:
    """{% flag key [default=…] %}: for the person of the request, else for somebody nothing is known of.

    The default, False unless given, holds while there is no flag of this key.
    """
    name, *words = token.split_contents()
    if not words:
        raise template.TemplateSyntaxError(f'{{% {name} %}} names a flag: {{% {name} "new-search" %}}')
    key, *options = words
    given = token_kwargs(options, parser)
    if options or given.keys() - {"default"} or key.startswith("default="):
        raise template.TemplateSyntaxError(f"{{% {name} %}} takes the key of a flag, and default=…")
    nodelist_on = parser.parse(("else", f"end{name}"))
    nodelist_off = NodeList()
    if parser.next_token().contents == "else":
        nodelist_off = parser.parse((f"end{name}",))
        parser.delete_first_token()
    return FlagNode(parser.compile_filter(key), given.get("default"), nodelist_on, nodelist_off)
