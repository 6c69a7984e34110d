"""What staff ask of the list of conversations."""

from __future__ import annotations

from django import forms
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from chat.models import Message, Model
from chat.models.conversation import ConversationQuerySet
from chat.search import holding, words_in
from ui.forms import CharField

# More names than anybody would look through in a list.
MOST_MODELS = 200


class ConversationFilterForm(forms.Form):
    """Filters of the list; a field that makes no sense narrows nothing and says so."""

    q = CharField(label=_("Search in titles and messages"), max_length=100, required=False)
    person = CharField(label=_("Person"), max_length=150, required=False)
    # Any name, not one of a list: answers keep the names of models that are gone.
    model = CharField(label=_("Model"), max_length=200, required=False)
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("Not in the bin")), ("bin", _("In the bin"))],
        required=False,
    )

    @property
    def model_names(self) -> list[str]:
        """What is proposed while a model's name is written."""
        return list(Model.objects.order_by("name").values_list("name", flat=True).distinct()[:MOST_MODELS])

    @property
    def is_filtered(self) -> bool:
        return any(self.cleaned_data.values())

    def narrow(self, conversations: ConversationQuerySet) -> ConversationQuerySet:
        """Those of `conversations` that were asked for."""
        asked = self.cleaned_data
        conversations = conversations.filter(deleted_at__isnull=asked.get("state") != "bin")
        if asked.get("person"):
            conversations = conversations.filter(owner__in=User.objects.matching(asked["person"]))
        if asked.get("model"):
            answered = Message.objects.filter(conversation=OuterRef("pk"), model_name__iexact=asked["model"])
            conversations = conversations.filter(Exists(answered))
        if asked.get("q"):
            conversations = holding(conversations, words_in(asked["q"]))
        return conversations
