"""People and their sessions in the Django admin, without what would open a door."""

from __future__ import annotations

from django.contrib import admin

from accounts.models import (
    BulkAct,
    Device,
    Identity,
    IdentityProvider,
    Lockout,
    Passkey,
    RecoveryCode,
    Session,
    Totp,
    User,
    UserImport,
)
from accounts.user_admin import UserAdmin
from ui.admin import ViewOnlyAdmin

admin.site.register(User, UserAdmin)


@admin.register(Session)
class SessionAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "address", "user_agent", "signed_in_at", "last_activity", "ends_at")
    # The row's address would be its key.
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-last_activity",)
    fields = ("public_id", "user", "address", "user_agent", "signed_in_at", "last_activity", "ends_at")


@admin.register(Device)
class DeviceAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "user_agent", "address", "first_seen_at", "last_seen_at", "trusted_until")
    list_select_related = ("user",)
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-pk",)
    fields = ("public_id", "user", "user_agent", "address", "first_seen_at", "last_seen_at", "trusted_until")


@admin.register(Totp)
class TotpAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-pk",)
    fields = ("user", "created_at", "last_used_at")


@admin.register(RecoveryCode)
class RecoveryCodeAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "created_at", "used_at")
    list_select_related = ("user",)
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-pk",)
    fields = ("user", "created_at", "used_at")


@admin.register(Passkey)
class PasskeyAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "name", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-pk",)
    fields = ("public_id", "user", "name", "transports", "is_backed_up", "created_at", "last_used_at")


@admin.register(Lockout)
class LockoutAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "begun_at", "until", "strikes", "address")
    list_select_related = ("user",)
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-pk",)
    fields = ("user", "begun_at", "until", "strikes", "address")


@admin.register(IdentityProvider)
class IdentityProviderAdmin(ViewOnlyAdmin):
    list_display = ("name", "issuer", "is_enabled", "joining", "trouble")
    search_fields = ("name", "issuer")
    ordering = ("name",)
    fields = (
        "public_id",
        "name",
        "slug",
        "issuer",
        "client_id",
        "scopes",
        "is_enabled",
        "allow_private",
        "joining",
        "links_by_email",
        "role_claim",
        "trouble",
        "created_at",
        "updated_at",
    )


@admin.register(Identity)
class IdentityAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "provider", "email", "created_at", "last_used_at")
    list_select_related = ("user", "provider")
    search_fields = ("user__username_key", "user__full_name")
    ordering = ("-pk",)
    fields = ("user", "provider", "subject", "email", "created_at", "last_used_at")


@admin.register(UserImport)
class UserImportAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("filename", "created_by", "created_at", "state", "total", "done", "made", "error_count")
    list_select_related = ("created_by",)
    search_fields = ("filename",)
    ordering = ("-pk",)
    fields = (
        "public_id",
        "filename",
        "created_by",
        "created_at",
        "finished_at",
        "state",
        "total",
        "done",
        "made",
        "error_count",
    )


@admin.register(BulkAct)
class BulkActAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("act", "state", "created_by", "created_at", "total", "done", "refused_count")
    list_select_related = ("created_by",)
    search_fields = ("act", "created_by__username_key")
    ordering = ("-pk",)
    fields = ("public_id", "act", "state", "created_by", "created_at", "total", "left_out", "done", "refused_count")
