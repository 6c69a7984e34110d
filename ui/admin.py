"""How the Django admin shows rows: to browse and to search, never to change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Model]
else:
    Base = admin.ModelAdmin  # takes no parameter outside the type stubs

# Which parts of a date the address may ask for. The ends of the calendar stay out: reckoning with them overflows.
PARTS = {"year": range(1900, 3000), "month": range(1, 13), "day": range(1, 32)}


class ViewOnlyAdmin(Base):
    """Pages of one model without any form that saves.

    Whoever sees them holds the model's own view permission (`<app>.view_<model>`, which the registered permissions of
    the app map to a right) and `further_permissions`: the admin knows no scope, so rows that elsewhere only their
    team sees ask for the right to see all. `fields` is always written out, so that a column added later stays hidden
    until somebody shows it.
    """

    further_permissions: ClassVar[tuple[str, ...]] = ()
    actions = None
    list_per_page = 50
    # The count of a whole table costs more than the page.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    view_on_site = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        own = f"{self.opts.app_label}.view_{self.opts.model_name}"
        return request.user.has_perms([own, *self.further_permissions])

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The admin's own history stays empty, since changes are noted in the audit trail."""
        raise Http404

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the links of the page ask: Django lets the address put any question to any column.

        A password hash could be guessed by its beginning, and some questions end in an error of the database.
        """
        column, _separator, question = lookup.partition("__")
        if column == self.date_hierarchy:
            return question in PARTS and value.isdecimal() and len(value) <= 4 and int(value) in PARTS[question]
        offered = column in self.get_list_filter(request) and question in {"", "exact", "isnull", "id__exact"}
        return offered and "\0" not in value and super().lookup_allowed(lookup, value, request)
