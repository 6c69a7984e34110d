"""Addresses of everything that is said."""

from __future__ import annotations

from django.urls import path

from chat.views import oversight, prompt, provider

app_name = "chat"

urlpatterns = [
    path("conversations/", oversight.conversation_list, name="conversation_list"),
    path("conversations/<uuid:public_id>/", oversight.conversation_read, name="conversation_read"),
    path("prompts/", prompt.prompt_list, name="prompt_list"),
    path("prompts/new/", prompt.prompt_create, name="prompt_create"),
    path("prompts/<uuid:public_id>/", prompt.prompt_detail, name="prompt_detail"),
    path("prompts/<uuid:public_id>/edit/", prompt.prompt_edit, name="prompt_edit"),
    path("prompts/<uuid:public_id>/default/", prompt.prompt_make_default, name="prompt_make_default"),
    path("prompts/<uuid:public_id>/delete/", prompt.prompt_delete, name="prompt_delete"),
    path("models/", provider.provider_list, name="provider_list"),
    path("models/new/", provider.provider_create, name="provider_create"),
    path("models/<uuid:public_id>/edit/", provider.provider_edit, name="provider_edit"),
    path("models/<uuid:public_id>/check/", provider.provider_check, name="provider_check"),
    path("models/<uuid:public_id>/enabled/", provider.provider_toggle, name="provider_toggle"),
    path("models/<uuid:public_id>/delete/", provider.provider_delete, name="provider_delete"),
    path("models/<uuid:public_id>/models/<int:pk>/enabled/", provider.model_toggle, name="model_toggle"),
]
