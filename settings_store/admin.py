"""Settings and the trail in the Django admin: sealed values stay sealed, the trail is only read."""

from __future__ import annotations

from django.contrib import admin

from settings_store.models import AuditEvent, AuditHead, LimitCounter, Setting, SettingVersion, StoreVersion
from ui.admin import ViewOnlyAdmin


@admin.register(Setting)
class SettingAdmin(ViewOnlyAdmin):
    list_display = ("key", "environment", "version", "updated_at", "updated_by_name")
    list_filter = ("environment",)
    ordering = ("key", "environment")
    search_fields = ("key", "updated_by_name")
    fields = ("key", "environment", "version", "value", "updated_at", "updated_by_name")


@admin.register(SettingVersion)
class SettingVersionAdmin(ViewOnlyAdmin):
    list_display = ("setting", "version", "cleared", "at", "actor_name", "reason")
    list_filter = ("cleared",)
    list_select_related = ("setting",)
    ordering = ("-at", "-id")
    search_fields = ("setting__key", "actor_name", "reason", "request_id")
    fields = (
        "setting",
        "version",
        "value",
        "cleared",
        "reason",
        "at",
        "actor_name",
        "address",
        "user_agent",
        "request_id",
    )


@admin.register(AuditEvent)
class AuditEventAdmin(ViewOnlyAdmin):
    list_display = ("sequence", "at", "action", "actor_name", "target_name", "address")
    list_filter = ("environment",)
    date_hierarchy = "at"
    ordering = ("-sequence",)
    search_fields = ("action", "actor_name", "target_name", "request_id")
    fields = (
        "sequence",
        "at",
        "environment",
        "action",
        "actor_name",
        "impersonator_name",
        "target_type",
        "target_id",
        "target_name",
        "before",
        "after",
        "reason",
        "address",
        "user_agent",
        "request_id",
        "session_id",
        "key_id",
        "previous_hash",
        "hash",
    )


@admin.register(AuditHead)
class AuditHeadAdmin(ViewOnlyAdmin):
    list_display = ("sequence", "hash")
    search_fields = ("sequence", "hash")
    fields = ("sequence", "hash")


@admin.register(StoreVersion)
class StoreVersionAdmin(ViewOnlyAdmin):
    list_display = ("id", "version")
    search_fields = ("version",)
    fields = ("version",)


@admin.register(LimitCounter)
class LimitCounterAdmin(ViewOnlyAdmin):
    list_display = ("key", "count", "window_ends")
    search_fields = ("key",)
    ordering = ("-window_ends",)
    fields = ("key", "count", "window_ends")
