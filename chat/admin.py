"""What is said, in the Django admin: content of others' conversations opens only with a note in the trail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from chat.actions.oversight import open_conversation
from chat.models import (
    Attachment,
    Conversation,
    Folder,
    HealthSample,
    Message,
    Model,
    PromptVersion,
    Provider,
    SystemPrompt,
    Tag,
)
from ui.admin import ViewOnlyAdmin


@admin.register(Provider)
class ProviderAdmin(ViewOnlyAdmin):
    list_display = ("name", "base_url", "is_enabled", "checked_at", "trouble")
    list_filter = ("is_enabled",)
    search_fields = ("name", "base_url")
    fields = (
        "name",
        "base_url",
        "is_enabled",
        "is_demo",
        "allow_private",
        "silence_seconds",
        "parallel_limit",
        "checked_at",
        "trouble",
        "created_at",
        "updated_at",
    )


@admin.register(Model)
class ModelAdmin(ViewOnlyAdmin):
    list_display = ("name", "label", "provider", "is_enabled", "is_present", "for_everybody")
    list_filter = ("is_enabled", "is_present", "for_everybody")
    list_select_related = ("provider",)
    search_fields = ("name", "label", "provider__name")
    fields = (
        "name",
        "label",
        "provider",
        "position",
        "is_enabled",
        "is_present",
        "for_everybody",
        "roles",
        "parameters",
        "context_tokens",
        "price_in",
        "price_out",
        "created_at",
    )


@admin.register(HealthSample)
class HealthSampleAdmin(ViewOnlyAdmin):
    list_display = ("provider", "began_at", "succeeded", "failed", "slowest_ms")
    search_fields = ("provider__name",)
    list_select_related = ("provider",)
    date_hierarchy = "began_at"
    fields = ("provider", "began_at", "succeeded", "failed", "slowest_ms")


@admin.register(SystemPrompt)
class SystemPromptAdmin(ViewOnlyAdmin):
    list_display = ("name", "description", "default_mark", "is_deleted", "updated_at", "updated_by")
    list_filter = ("is_deleted",)
    list_select_related = ("updated_by",)
    search_fields = ("name", "description", "content")
    fields = (
        "name",
        "description",
        "content",
        "version",
        "default_mark",
        "for_everybody",
        "roles",
        "is_deleted",
        "created_at",
        "updated_at",
        "updated_by",
    )


@admin.register(PromptVersion)
class PromptVersionAdmin(ViewOnlyAdmin):
    list_display = ("prompt", "number", "note", "created_at", "created_by")
    list_select_related = ("prompt", "created_by")
    search_fields = ("prompt__name", "note")
    fields = ("prompt", "number", "content", "note", "created_at", "created_by")


@admin.register(Folder)
class FolderAdmin(ViewOnlyAdmin):
    list_display = ("name", "owner", "prompt")
    list_select_related = ("owner", "prompt")
    search_fields = ("name", "owner__username_key")
    fields = ("public_id", "name", "owner", "prompt")


@admin.register(Tag)
class TagAdmin(ViewOnlyAdmin):
    list_display = ("name", "owner")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username_key")
    fields = ("name", "owner")


class OverseenAdmin(ViewOnlyAdmin):
    """Rows that show what others said."""

    further_permissions = ("conversations.oversee",)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        row = self.get_object(request, unquote(object_id))
        message = row.message if isinstance(row, Attachment) else row
        conversation = message.conversation if isinstance(message, Message) else message
        if isinstance(conversation, Conversation) and isinstance(request.user, User):
            open_conversation(actor=request.user, conversation=conversation)
        return response


@admin.register(Conversation)
class ConversationAdmin(OverseenAdmin):
    list_display = ("__str__", "owner", "model", "message_count", "last_message_at")
    list_select_related = ("owner", "model")
    date_hierarchy = "last_message_at"
    ordering = ("-last_message_at", "-id")
    search_fields = ("title", "owner__username_key", "owner__full_name", "public_id")
    fields = (
        "public_id",
        "title",
        "owner",
        "model",
        "system_prompt",
        "prompt_version",
        "system_text",
        "parameters",
        "description",
        "folder",
        "tags",
        "message_count",
        "is_pinned",
        "created_at",
        "last_message_at",
        "archived_at",
        "deleted_at",
    )


@admin.register(Message)
class MessageAdmin(OverseenAdmin):
    # The list names messages without their text, and search leaves the text out: reading it is what the trail notes.
    list_display = ("public_id", "role", "status", "model_name", "created_at")
    list_filter = ("role", "status")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    search_fields = ("public_id", "conversation__public_id", "model_name")
    fields = (
        "public_id",
        "conversation",
        "role",
        "status",
        "content",
        "error",
        "model_name",
        "tokens_in",
        "tokens_out",
        "cost",
        "rating",
        "rating_note",
        "first_token_ms",
        "duration_ms",
        "created_at",
        "finished_at",
    )


@admin.register(Attachment)
class AttachmentAdmin(OverseenAdmin):
    list_display = ("name", "message", "size")
    search_fields = ("public_id", "message__public_id")
    fields = ("public_id", "message", "name", "size", "content")
