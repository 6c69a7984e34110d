"""Conversations as "Why?" asks about them: who reads which, and why."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.urls import ResolverMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.teams import line_of
from chat.models import Conversation
from rbac.role_map import RoleMap
from rbac.why.kinds import Kind, found
from rbac.why.ways import holding

OWN = "chat.use"
ADDRESSES = ("chat/<uuid:public_id>/", "conversations/<uuid:public_id>/")


class ConversationKind(Kind):
    name = "conversation"
    label = gettext_lazy("conversation")
    permissions = ("conversations.oversee", OWN, "conversations.all", "conversations.reassign")
    team = "conversations.oversee"
    everybody = "conversations.all"

    def find(self, asker: User, text: str) -> Conversation | None:
        return found(Conversation.objects.visible_to(asker).select_related("owner"), text)

    def part(self, match: ResolverMatch) -> str:
        return str(match.kwargs["public_id"]) if match.route.startswith(ADDRESSES) else ""

    def page(self, asker: User, row: Conversation) -> str:
        if asker.has_perm(OWN) and row.owner_id == asker.pk and row.deleted_at is None:
            return reverse("chat:conversation", args=[row.public_id])
        return reverse("chat:conversation_read", args=[row.public_id]) if asker.has_perm(self.team) else ""

    def rows(self, person: User, permission: str) -> QuerySet[Conversation]:
        # As the pages ask: one's own are opened in the chat, all that one may see are overseen.
        return Conversation.objects.owned_by(person) if permission == OWN else Conversation.objects.visible_to(person)

    def owner(self, row: Conversation) -> User:
        return row.owner

    def beyond(self, person: User, row: Conversation, permission: str) -> str:
        if permission != OWN:
            return ""
        if row.owner_id == person.pk:
            return _("It lies in the bin.")
        return _("It belongs to %(owner)s, and chat:use reaches one's own conversations alone.") % {"owner": row.owner}

    def default(self, person: User, row: Conversation) -> str:
        return OWN if row.owner_id == person.pk else self.team

    def people(self, roles: RoleMap, row: Conversation, permission: str) -> Q:
        if permission == OWN:
            return Q(pk=row.owner_id) if row.deleted_at is None else Q(pk__in=[])
        overseen = holding(roles, self.team)
        reach = Q(pk=row.owner_id) | Q(pk__in=line_of(row.owner)) | holding(roles, self.everybody)
        return (overseen & reach) | (Q(pk=row.owner_id) & holding(roles, OWN))
