"""People and their sessions in the Django admin, without what would open a door."""

from __future__ import annotations

from django.contrib import admin

from accounts.models import Session, User
from ui.admin import ViewOnlyAdmin


@admin.register(User)
class UserAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("username", "email", "full_name", "is_active", "supervisor", "last_login", "created_at")
    list_filter = ("is_active", "is_verified", "must_change_password")
    list_select_related = ("supervisor",)
    search_fields = ("username_key", "email_key", "full_name")
    ordering = ("username_key",)
    fields = (
        "public_id",
        "username",
        "email",
        "full_name",
        "bio",
        "language",
        "time_zone",
        "is_active",
        "is_verified",
        "must_change_password",
        "is_superuser",
        "supervisor",
        "last_login",
        "created_at",
        "updated_at",
        "created_by",
    )


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
