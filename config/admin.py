"""What other packages keep, in the Django admin: nothing here belongs to a floor of the house."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django_tasks_db.models import DBTaskResult

from ui.admin import ViewOnlyAdmin


@admin.register(DBTaskResult)
class TaskAdmin(ViewOnlyAdmin):
    # What a task is given and gives back, and what its errors quote, may be somebody's words: it stays out.
    list_display = ("task_path", "status", "queue_name", "enqueued_at", "started_at", "finished_at")
    list_filter = ("status", "queue_name")
    ordering = ("-enqueued_at", "-id")
    search_fields = ("task_path", "exception_class_path")
    fields = (
        "id",
        "task_path",
        "status",
        "queue_name",
        "backend_name",
        "priority",
        "enqueued_at",
        "run_after",
        "started_at",
        "finished_at",
        "exception_class_path",
    )


@admin.register(ContentType)
class ContentTypeAdmin(ViewOnlyAdmin):
    list_display = ("app_label", "model")
    list_filter = ("app_label",)
    ordering = ("app_label", "model")
    search_fields = ("app_label", "model")
    fields = ("app_label", "model")


@admin.register(LogEntry)
class LogEntryAdmin(ViewOnlyAdmin):
    """Django's own notes, which stay empty here; changes are noted in the audit trail."""

    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_select_related = ("user", "content_type")
    ordering = ("-action_time", "-id")
    search_fields = ("object_repr", "user__username_key")
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "action_flag")
