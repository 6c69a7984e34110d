"""The Django admin behind the house's own doors: one sign-in, one password page, view-only pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from config.access import PREFIXES
from ui.admin import ViewOnlyAdmin
from ui.guard import obstacle_of

ADMIN = PREFIXES["admin/"]


class GatehouseAdminSite(AdminSite):
    site_title = site_header = "Gatehouse"
    index_title = _("Everything, to look at")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """The right alone is not enough: what stands before somebody, a second factor say, stands here too."""
        user = request.user
        return (
            user.is_authenticated
            and user.is_active
            and user.has_perm("system.read")
            and obstacle_of(request, ADMIN) is None
        )

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        """Take view-only pages alone: what other packages bring along saves without an action and leaves no trace."""
        if admin_class is not None and issubclass(admin_class, ViewOnlyAdmin):
            models = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
            super().register(models, admin_class, **options)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The house's sign-in knows lock-out and sessions; a second door around it stays shut."""
        if self.has_permission(request):
            return redirect("admin:index")
        if not request.user.is_authenticated:
            following = request.GET.get("next") or reverse("admin:index")
            return redirect(f"{reverse('login')}?{urlencode({'next': following})}")
        if obstacle := obstacle_of(request, ADMIN):
            return redirect(obstacle.url_name)
        raise PermissionDenied("system.read")

    # The stubs promise a page of the admin's own where these lead away from it.
    def logout(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST":
            return redirect("logout", preserve_request=True)
        return redirect("home")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("password_change")

    def password_change_done(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("home")
