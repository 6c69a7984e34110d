"""Settings, flags and the trail in the Django admin: sealed values stay sealed, the trail is only read."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from settings_store.models import (
    AuditEvent,
    AuditHead,
    ChainKey,
    Flag,
    FlagUse,
    KeyUse,
    LimitCounter,
    OwnSetting,
    Proposal,
    Protection,
    SealedVersion,
    Setting,
    SettingImport,
    SettingVersion,
    StoreVersion,
)
from settings_store.realm_admin import RealmAdmin
from settings_store.setting_admin import SettingAdmin
from ui.admin import ViewOnlyAdmin

admin.site.register(Setting, SettingAdmin)


@admin.register(SettingVersion)
class SettingVersionAdmin(RealmAdmin):
    key_column = "setting__key"
    list_display = ("words", "version", "cleared", "at", "actor_name", "reason")
    list_filter = ("cleared",)
    list_select_related = ("setting",)
    ordering = ("-at", "-id")
    search_fields = ("setting__key", "actor_name", "reason", "request_id")
    fields = (
        "words",
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
    list_display = ("id", "version", "next_due")
    search_fields = ("version",)
    fields = ("version", "next_due")


@admin.register(LimitCounter)
class LimitCounterAdmin(ViewOnlyAdmin):
    list_display = ("key", "count", "window_ends")
    search_fields = ("key",)
    ordering = ("-window_ends",)
    fields = ("key", "count", "window_ends")


@admin.register(OwnSetting)
class OwnSettingAdmin(ViewOnlyAdmin):
    """To look at; the rules are changed on the page that knows which values they would break."""

    list_display = ("key", "type", "category", "retired_at", "created_by_name")
    list_filter = ("type", "category")
    ordering = ("key",)
    search_fields = ("key", "label", "help")
    fields = (
        "key",
        "type",
        "label",
        "category",
        "help",
        "default",
        "required",
        "minimum",
        "maximum",
        "max_length",
        "pattern",
        "pattern_help",
        "choices",
        "schema",
        "unit",
        "is_mutable",
        "retired_at",
        "created_at",
        "created_by_name",
    )

    def view_on_site(self, obj: Model) -> str:  # type: ignore[override]  # Django takes a method too
        return reverse("settings_store:setting_edit", args=[str(obj)])


@admin.register(Flag)
class FlagAdmin(ViewOnlyAdmin):
    """To look at; flags are changed on their own pages."""

    list_display = ("key", "type", "label", "is_permanent", "archived_at", "created_by_name")
    list_filter = ("type", "is_permanent")
    ordering = ("key",)
    search_fields = ("key", "label", "description")
    fields = (
        "key",
        "type",
        "label",
        "description",
        "is_permanent",
        "version",
        "archived_at",
        "created_at",
        "created_by_name",
    )

    def view_on_site(self, obj: Model) -> str:  # type: ignore[override]  # Django takes a method too
        return reverse("settings_store:flag_edit", args=[str(obj)])


@admin.register(FlagUse)
class FlagUseAdmin(ViewOnlyAdmin):
    list_display = ("key", "environment", "last_at", "unknown_count")
    list_filter = ("environment",)
    ordering = ("-last_at",)
    search_fields = ("key", "environment")
    fields = ("key", "environment", "last_at", "unknown_count")


@admin.register(Protection)
class ProtectionAdmin(RealmAdmin):
    list_display = ("words", "at", "by_name")
    ordering = ("key",)
    search_fields = ("key", "by_name")
    fields = ("words", "at", "by_name")


@admin.register(Proposal)
class ProposalAdmin(RealmAdmin):
    list_display = ("words", "environment", "act", "status", "apply_at", "author_name", "decided_by_name")
    list_filter = ("status", "act", "environment")
    ordering = ("-created_at", "-id")
    search_fields = ("key", "author_name", "decided_by_name", "reason")
    fields = (
        "words",
        "environment",
        "act",
        "value",
        "base_version",
        "reason",
        "status",
        "apply_at",
        "created_at",
        "author_name",
        "decided_at",
        "decided_by_name",
        "note",
        "ended_at",
        "trouble",
    )


@admin.register(SealedVersion)
class SealedVersionAdmin(ViewOnlyAdmin):
    list_display = ("version",)
    list_select_related = ("version__setting",)
    search_fields = ("version__setting__key",)
    fields = ("version",)


@admin.register(SettingImport)
class SettingImportAdmin(ViewOnlyAdmin):
    list_display = ("name", "created_at", "author_name", "total", "checked")
    ordering = ("-created_at", "-id")
    search_fields = ("name", "author_name")
    fields = ("name", "created_at", "author_name", "total", "checked")


@admin.register(KeyUse)
class KeyUseAdmin(ViewOnlyAdmin):
    list_display = ("key_id", "environment", "sealed_count", "seen_at")
    search_fields = ("key_id", "environment")
    fields = ("key_id", "environment", "sealed_count", "seen_at")


@admin.register(ChainKey)
class ChainKeyAdmin(ViewOnlyAdmin):
    list_display = ("key_id",)
    search_fields = ("key_id",)
    fields = ("key_id",)
