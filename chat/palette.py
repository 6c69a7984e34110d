"""Own conversations, prompts and models, as the palette finds them."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models import Conversation, Model, SystemPrompt
from ui.palette import FOUND, best
from ui.registry import PaletteItem, PalettePage, PaletteSource

# Prompts and models are few; what is typed is looked for in so many.
LOOKED_AT = 1000


def _conversations(request: HttpRequest, text: str) -> list[PaletteItem]:
    """The newest ones; what was said in them is found by the search of Chat itself."""
    viewer = request.user
    if not isinstance(viewer, User):
        return []
    own = Conversation.objects.owned_by(viewer)
    for word in text.split():
        own = own.filter(title__icontains=word)
    rows = own.order_by("-last_message_at", "-pk").only("public_id", "title", "archived_at")
    return [
        PaletteItem(
            str(each),
            reverse("chat:conversation", args=[each.public_id]),
            "message-square",
            _("archived") if each.archived_at else "",
        )
        for each in rows[:FOUND]
    ]


def _prompts(request: HttpRequest, text: str) -> list[PaletteItem]:
    viewer = request.user
    if not isinstance(viewer, User):
        return []
    prompts = SystemPrompt.objects.usable_by(viewer).order_by("name_key")
    rows = prompts.values_list("name", "public_id", "description")[:LOOKED_AT]
    return best(
        (
            (name, PaletteItem(name, reverse("chat:prompt_detail", args=[public_id]), "scroll-text", description))
            for name, public_id, description in rows
        ),
        text,
    )


def _models(_request: HttpRequest, text: str) -> list[PaletteItem]:
    """Models by their own names and by that of their server; servers without a model are on the page of them all."""
    rows = Model.objects.select_related("provider").order_by("provider__name_key", "name", "pk")[:LOOKED_AT]
    page = reverse("chat:provider_list")
    items = [PaletteItem(str(row), page, "box", str(row.provider)) for row in rows]
    return best(((f"{item.label} {item.hint}", item) for item in items), text)


CONVERSATIONS = PaletteSource(
    "conversations", _("Your conversations"), _conversations, permission="chat.use", order=40, at_first=True
)
PROMPTS = PaletteSource("prompts", _("Prompts"), _prompts, permission="prompts.read", order=50)
MODELS = PaletteSource("models", _("Models"), _models, permission="models.read", order=60)
PAGES = [
    PalettePage(_("New conversation"), "chat:index", "square-pen", 1011),
    PalettePage(_("Write a prompt"), "chat:prompt_create", "plus", 1021),
    PalettePage(_("Add a model server"), "chat:provider_create", "plus", 4031),
]
