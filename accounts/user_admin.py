"""People in the Django admin: its forms change them as the house's own pages do, through the same actions."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import actions, rules
from accounts.forms.admin import AdminUserForm
from accounts.models import User
from ui.admin import ViewOnlyAdmin
from ui.forms import form_status, posted
from ui.guard import stepped_up


class UserAdmin(ViewOnlyAdmin):
    """Lists and rights are the admin's; the pages with a form are ours. Rights, groups and passwords have no field."""

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
        "password_changed_at",
        "joined_by",
        "invited_until",
        "is_superuser",
        "supervisor",
        "last_login",
        "created_at",
        "updated_at",
        "created_by",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("users.write")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        actor = cast(User, request.user)
        form = AdminUserForm(posted(request), viewer=actor)
        if form.is_valid():
            try:
                person = self._add(actor, dict(form.cleaned_data))
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, _("%(person)s was made, without a password yet.") % {"person": person})
                for remark in person.remarks:
                    messages.warning(request, remark)
                return redirect("admin:accounts_user_change", person.pk)
        return self._render(request, _("New user"), form)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        person = self.get_object(request, unquote(object_id))
        if not isinstance(person, User) or not self.has_change_permission(request, person):
            # The admin's own page knows what to say of somebody who is not there, and shows all others without a form.
            return super().change_view(request, object_id, form_url, extra_context)
        actor = cast(User, request.user)
        form = AdminUserForm(posted(request), viewer=actor, person=person, confirmed=stepped_up(request))
        if form.is_valid():
            try:
                self._change(actor, person, dict(form.cleaned_data))
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, _("Saved"))
                return redirect("admin:accounts_user_changelist")
        return self._render(request, str(person), form, person)

    @transaction.atomic
    def _add(self, actor: User, wanted: dict[str, Any]) -> User:
        del wanted["seen"]
        later = {name: wanted.pop(name) for name in ("bio", "language", "time_zone")}
        person = actions.create_user(actor=actor, **wanted)
        row = actions.update_user(actor=actor, user=person, **later)
        row.remarks = person.remarks
        return row

    @transaction.atomic
    def _change(self, actor: User, person: User, wanted: dict[str, Any]) -> None:
        """All of it or nothing, each with an event of its own."""
        del wanted["seen"]
        is_active = wanted.pop("is_active")
        rules.lock_roles()
        row = actions.update_user(actor=actor, user=person, **wanted)
        if is_active != row.is_active:
            act = actions.activate_user if is_active else actions.deactivate_user
            act(actor=actor, user=row)

    def _render(
        self, request: HttpRequest, title: str, form: AdminUserForm, person: User | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subtitle": None,
            "form": form,
            "person": person,
            "original": person,
            "back": reverse("admin:accounts_user_changelist"),
        }
        return TemplateResponse(request, "admin/accounts/user/form.html", context, status=form_status(form))
