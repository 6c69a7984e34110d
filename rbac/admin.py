"""Roles and who holds them in the Django admin; groups and their permissions are shown as part of the role."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group, Permission

from rbac.models import Assignment, ClaimRole, CustomPermission, Review, ReviewItem, Role, RoleMapVersion
from ui.admin import ViewOnlyAdmin


@admin.register(Role)
class RoleAdmin(ViewOnlyAdmin):
    list_display = ("name", "priority", "parent", "system_key", "description")
    list_filter = ("system_key",)
    list_select_related = ("parent",)
    ordering = ("-priority", "name_key")
    search_fields = ("name", "description")
    fields = (
        "name",
        "description",
        "group",
        "system_key",
        "priority",
        "parent",
        "requires_factor",
        "created_at",
        "updated_at",
    )


@admin.register(Assignment)
class AssignmentAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("user", "role", "is_active", "starts_at", "ends_at", "assigned_at", "assigned_by")
    list_filter = ("is_active", "role")
    list_select_related = ("user", "role", "assigned_by")
    ordering = ("-assigned_at", "-id")
    search_fields = ("user__username_key", "user__full_name", "role__name", "reason")
    fields = (
        "user",
        "role",
        "is_active",
        "starts_at",
        "ends_at",
        "reason",
        "assigned_at",
        "assigned_by",
        "provider",
        "ended_at",
        "ended_by",
        "end_reason",
    )


@admin.register(ClaimRole)
class ClaimRoleAdmin(ViewOnlyAdmin):
    list_display = ("provider", "value", "role")
    list_select_related = ("provider", "role")
    ordering = ("provider", "value")
    search_fields = ("value", "role__name")
    fields = ("provider", "value", "role")


@admin.register(CustomPermission)
class CustomPermissionAdmin(ViewOnlyAdmin):
    list_display = ("name", "label", "program", "created_at", "created_by")
    list_select_related = ("created_by",)
    ordering = ("name",)
    search_fields = ("name", "label", "program")
    fields = ("name", "label", "program", "created_at", "created_by")


@admin.register(Review)
class ReviewAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("subject", "started_at", "started_by", "due_on", "closed_at")
    list_select_related = ("started_by",)
    ordering = ("-started_at",)
    search_fields = ("subject",)
    fields = ("subject", "role", "supervisor", "due_on", "started_at", "started_by", "closed_at", "closed_by")


@admin.register(ReviewItem)
class ReviewItemAdmin(ViewOnlyAdmin):
    further_permissions = ("users.all",)
    list_display = ("review", "user", "role_name", "since", "until", "decision", "decided_at", "decided_by")
    list_select_related = ("review", "user", "decided_by")
    ordering = ("-review", "id")
    search_fields = ("user__username_key", "role_name", "note")
    fields = (
        "review",
        "user",
        "role_name",
        "assignment",
        "since",
        "until",
        "given_by",
        "reason",
        "last_login",
        "decision",
        "note",
        "decided_at",
        "decided_by",
    )


@admin.register(RoleMapVersion)
class RoleMapVersionAdmin(ViewOnlyAdmin):
    list_display = ("id", "version")
    search_fields = ("version",)
    fields = ("version",)


@admin.register(Group)
class GroupAdmin(ViewOnlyAdmin):
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "permissions")


@admin.register(Permission)
class PermissionAdmin(ViewOnlyAdmin):
    list_display = ("name", "codename")
    ordering = ("codename",)
    search_fields = ("name", "codename")
    fields = ("name", "codename")
