"""Addresses of everything that is said."""

from __future__ import annotations

from django.urls import path

from chat.views import answer, conversation, message, model, oversight, prompt, provider, stream, user_conversations

app_name = "chat"

MESSAGE = "chat/<uuid:public_id>/messages/<uuid:message_id>"

urlpatterns = [
    path("chat/", conversation.index, name="index"),
    path("chat/messages", message.message_send, name="message_send"),
    path("chat/<uuid:public_id>/", conversation.conversation, name="conversation"),
    path("chat/<uuid:public_id>/messages", message.message_send, name="message_send"),
    path(f"{MESSAGE}/stream", stream.message_stream, name="message_stream"),
    path(f"{MESSAGE}/stop", answer.message_stop, name="message_stop"),
    path(f"{MESSAGE}/again", answer.message_again, name="message_again"),
    path(f"{MESSAGE}/continue", answer.message_continue, name="message_continue"),
    path(f"{MESSAGE}/rate", answer.message_rate, name="message_rate"),
    path(f"{MESSAGE}/edit", message.message_edit, name="message_edit"),
    path(f"{MESSAGE}/show", message.message_show, name="message_show"),
    path(f"{MESSAGE}/markdown", message.message_markdown, name="message_markdown"),
    path(f"{MESSAGE}/files/<uuid:file_id>/", message.message_file, name="message_file"),
    path(f"{MESSAGE}/files/<uuid:file_id>/download", message.message_file_download, name="message_file_download"),
    path("chat/<uuid:public_id>/title", conversation.conversation_title, name="conversation_title"),
    path("chat/<uuid:public_id>/rename/", conversation.conversation_rename, name="conversation_rename"),
    path("chat/<uuid:public_id>/pin", conversation.conversation_pin, name="conversation_pin"),
    path("chat/<uuid:public_id>/delete", conversation.conversation_delete, name="conversation_delete"),
    path("chat/<uuid:public_id>/restore", conversation.conversation_restore, name="conversation_restore"),
    path("conversations/", oversight.conversation_list, name="conversation_list"),
    path("conversations/<uuid:public_id>/", oversight.conversation_read, name="conversation_read"),
    path("conversations/<uuid:public_id>/history/", oversight.conversation_history, name="conversation_history"),
    path("users/<uuid:user_id>/conversations/", user_conversations.user_conversations, name="user_conversations"),
    path("prompts/", prompt.prompt_list, name="prompt_list"),
    path("prompts/new/", prompt.prompt_create, name="prompt_create"),
    path("prompts/<uuid:public_id>/", prompt.prompt_detail, name="prompt_detail"),
    path("prompts/<uuid:public_id>/history/", prompt.prompt_history, name="prompt_history"),
    path("prompts/<uuid:public_id>/edit/", prompt.prompt_edit, name="prompt_edit"),
    path("prompts/<uuid:public_id>/default/", prompt.prompt_make_default, name="prompt_make_default"),
    path("prompts/<uuid:public_id>/delete/", prompt.prompt_delete, name="prompt_delete"),
    path("models/", provider.provider_list, name="provider_list"),
    path("models/new/", provider.provider_create, name="provider_create"),
    path("models/order/", model.model_order, name="model_order"),
    path("models/try/", provider.provider_try, name="provider_try"),
    path("models/<uuid:public_id>/try/", provider.provider_try, name="provider_try"),
    path("models/<uuid:public_id>/edit/", provider.provider_edit, name="provider_edit"),
    path("models/<uuid:public_id>/check/", provider.provider_check, name="provider_check"),
    path("models/<uuid:public_id>/enabled/", provider.provider_toggle, name="provider_toggle"),
    path("models/<uuid:public_id>/delete/", provider.provider_delete, name="provider_delete"),
    path("models/<uuid:public_id>/models/enabled/", model.models_toggle, name="models_toggle"),
    path("models/<uuid:public_id>/models/<uuid:model_id>/edit/", model.model_edit, name="model_edit"),
    path("models/<uuid:public_id>/models/<uuid:model_id>/enabled/", model.model_toggle, name="model_toggle"),
    path("models/<uuid:public_id>/models/<uuid:model_id>/move/", model.model_move, name="model_move"),
]
