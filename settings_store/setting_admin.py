"""Settings in the Django admin: its forms change them as the house's own pages do, through the same actions."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from settings_store import actions, grid
from settings_store.actions import StaleSetting
from settings_store.definitions import Definition, UnknownSetting
from settings_store.forms import SettingForm
from settings_store.holding import PLACES
from settings_store.models import Setting
from settings_store.own import current_definition, every_definition
from settings_store.realm_admin import RealmAdmin
from settings_store.realms import Realm
from settings_store.views.pieces import form_context, refuse, said, slow_down
from ui.forms import form_status
from ui.guard import ask_step_up, stepped_up

hidden = method_decorator(sensitive_post_parameters("value"))


class SettingAdmin(RealmAdmin):
    """The pages of one setting in one environment are ours; lists and rights are the admin's.

    The rules of flags, kept beside, are to look at: they change on pages of their own.
    """

    list_display = ("words", "environment", "version", "updated_at", "updated_by_name")
    list_filter = ("environment",)
    ordering = ("key", "environment")
    search_fields = ("key", "updated_by_name")
    fields = ("words", "environment", "version", "value", "updated_at", "updated_by_name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("settings.write")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_setting(obj) and request.user.has_perm("settings.write")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_setting(obj) and request.user.has_perm("settings.delete")

    @hidden
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """First which setting in which environment, then its form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        key, environment = request.GET.get("key", ""), request.GET.get("environment", "")
        definition = _declared(key)
        if definition is None or environment not in PLACES:
            every = [definition.key for definition in every_definition()]
            context = {"keys": every, "environments": PLACES, "here": settings.ENVIRONMENT}
            status = 422 if request.method == "POST" else 200
            return self._render(request, "choose", _("Give a setting a value"), context, status)
        row = Setting.objects.filter(key=key, environment=environment).first()
        return self._form(request, definition, row or Setting(key=key, environment=environment))

    @hidden
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self._row(request, object_id)
        if row is None or not self.has_change_permission(request, row):
            # The admin's own page knows what to say of a row that is gone, and shows all others without a form.
            return super().change_view(request, object_id, form_url, extra_context)
        return self._form(request, _declared(row.key), row)

    @hidden
    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Nothing of a setting is ever deleted: it goes back to its default, and its history stays."""
        row = self._row(request, object_id)
        if row is None or not self.has_delete_permission(request, row):
            return super().delete_view(request, object_id, extra_context)
        return self._form(request, _declared(row.key), row, clearing=True)

    def _form(
        self, request: HttpRequest, definition: Definition | None, row: Setting, *, clearing: bool = False
    ) -> HttpResponse:
        title = _("%(key)s in %(environment)s") % {"key": row.key, "environment": row.environment}
        if definition is None:
            status = 404 if request.method == "POST" else 200
            return self._render(request, "form", title, {"row": row, "is_unknown": True}, status)
        line = grid.lines_of([definition])[0]
        form: SettingForm | None = None
        stale: StaleSetting | None = None
        if request.method == "POST":
            if definition.is_secret and not stepped_up(request):
                return ask_step_up(request)
            form = SettingForm(definition, request.POST)
            form.full_clean()
            if clearing:
                form.errors.pop("value", None)
            answer, stale = self._submit(request, form, row, clearing=clearing)
            if answer is not None:
                return answer
        context = {
            "row": row,
            "line": line,
            "back": reverse("admin:settings_store_setting_changelist"),
            **form_context(request, definition, row.environment, line, form=form, stale=stale, clearing=clearing),
        }
        context["step_up_url"] = f"{reverse('step_up')}?{urlencode({'next': request.get_full_path()})}"
        status = 409 if stale else form_status(form) if form is not None else 200
        return self._render(request, "form", title, context, status)

    def _submit(
        self, request: HttpRequest, form: SettingForm, row: Setting, *, clearing: bool
    ) -> tuple[HttpResponse | None, StaleSetting | None]:
        if not form.is_valid():
            return None, None
        data, there = form.cleaned_data, redirect("admin:settings_store_setting_changelist")
        if form.definition.is_secret and not clearing and not data["value"]:
            messages.info(request, _("The secret stays as it is."))
            return there, None
        if form.definition.is_secret and not clearing:
            slow_down(request, form)
            if form.errors:
                return None, None
        try:
            made = actions.submit_change(
                actor=request.user,
                key=row.key,
                environment=row.environment,
                value=None if clearing else data["value"],
                reason=data["reason"],
                expected_version=data["version"],
                apply_at=data["apply_at"],
            )
        except StaleSetting as stale:
            sent = request.POST.copy()
            sent["version"] = str(stale.setting.version)
            form.data = sent
            return None, stale
        except ValidationError as error:
            refuse(form, error)
            return None, None
        messages.add_message(request, *said(made))
        return there, None

    def _is_setting(self, obj: Any) -> bool:
        return obj is None or self.realm(obj) is Realm.SETTINGS

    def _row(self, request: HttpRequest, object_id: str) -> Setting | None:
        row = self.get_object(request, unquote(object_id))
        return row if isinstance(row, Setting) else None

    def _render(
        self, request: HttpRequest, name: str, title: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        around = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "subtitle": None}
        return TemplateResponse(
            request, f"admin/settings_store/setting/{name}.html", {**around, **context}, status=status
        )


def _declared(key: str) -> Definition | None:
    try:
        return current_definition(key)
    except UnknownSetting:
        return None
