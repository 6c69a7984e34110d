"""The conversations of one person, on their page, for those who oversee them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Max, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.http import HtmxHttpRequest, visible_person
from chat.models import Conversation
from ui.guard import requires
from ui.keyset import paginate


@requires("conversations.oversee", also="users.read")
@require_safe
def user_conversations(request: HtmxHttpRequest, user_id: UUID) -> HttpResponse:
    """How many there are, and the newest first; opening one is noted in the trail as ever."""
    person = visible_person(request, user_id)
    kept = Conversation.objects.visible_to(request.user).filter(owner=person, deleted_at__isnull=True)
    page = paginate(
        kept.select_related("model", "system_prompt"),
        request,
        order={"last": ("-last_message_at", "-id")},
        default="last",
        per_page=25,
    )
    counts = kept.order_by().aggregate(number=Count("pk"), messages=Sum("message_count"), last=Max("last_message_at"))
    return render(request, "chat/user_conversations.html", {"person": person, "page": page, "counts": counts})
