"""People from a file: choose it, say what its columns are, see what is wrong, bring them in."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import mail, registration
from accounts.actions import imports
from accounts.forms.imports import INVITE, LEAVE, NOTHING, REFUSE, ColumnsForm, RunForm, UploadForm
from accounts.http import HtmxHttpRequest
from accounts.imports.columns import every_column
from accounts.imports.reading import Table
from accounts.models import UserImport
from settings_store.crypto import CannotOpen
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires
from ui.registry import Text
from ui.spreadsheets import csv_lines, plain

# Wrong lines a page shows, lines of the file it shows as a sample, and imports it lists.
SHOWN, SAMPLE, LISTED = 200, 3, 50
State = UserImport.State


@requires("users.write", step_up=True)
@require_page_methods
def user_import_new(request: HtmxHttpRequest) -> HttpResponse:
    """Choose a file; below, what was brought in before."""
    form = UploadForm(posted(request), request.FILES or None)
    if form.is_valid():
        row = imports.start_import(actor=request.user, filename=str(form.cleaned_data["file"].name), text=form.text)
        return redirect("accounts:user_import", row.public_id)
    known = _visible(request).select_related("created_by").order_by("-pk")[:LISTED]
    context = {"form": form, "imports": known, "columns": every_column()}
    return render(request, "accounts/user_import_new.html", context, status=form_status(form))


@requires("users.write")
@require_safe
def user_import(request: HtmxHttpRequest, import_id: UUID) -> HttpResponse:
    """How far an import is: its columns, its wrong lines, or who came by it."""
    return _page(request, _row(request, import_id))


@requires("users.write", step_up=True)
@require_page_methods
def user_import_columns(request: HtmxHttpRequest, import_id: UUID) -> HttpResponse:
    """Say what the columns are; then every line is looked at."""
    row = _row(request, import_id)
    if row.created_by != request.user or row.state not in {State.UPLOADED, State.CHECKED}:
        return redirect("accounts:user_import", row.public_id)
    try:
        table = imports.table_of(row)
    except CannotOpen:
        messages.error(request, str(imports.FILE_GONE))
        return redirect("accounts:user_import", row.public_id)
    form = _columns_form(request, row, table)
    if form.is_valid():
        imports.begin_check(
            actor=request.user,
            row=row,
            columns=form.mapping,
            invite=form.cleaned_data["getting_in"] == INVITE,
            skip_known=form.cleaned_data["known"] == LEAVE,
        )
        return redirect("accounts:user_import", row.public_id)
    return _columns_page(request, row, table, form)


@requires("users.write", background=True)
@require_safe
def user_import_progress(request: HtmxHttpRequest, import_id: UUID) -> HttpResponse:
    """How far it is, for the page that follows it."""
    row = _row(request, import_id)
    if not row.is_working or row.is_stalled:
        url = reverse("accounts:user_import", args=[row.public_id])
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return render(request, "accounts/user_import.html#progress", {"row": row})


@requires("users.write", step_up=True)
@require_POST
def user_import_run(request: HtmxHttpRequest, import_id: UUID) -> HttpResponse:
    row = _row(request, import_id)
    form = RunForm(request.POST)
    if row.state == State.CHECKED and form.is_valid():
        try:
            imports.begin_import(actor=request.user, row=row, leave_out=form.cleaned_data["leave_out"])
        except ValidationError as error:
            form.add_error("leave_out" if row.error_count else None, error)
            return _page(request, row, form, status=422)
    return redirect("accounts:user_import", row.public_id)


@requires("users.write", in_person=True)
@require_POST
def user_import_resume(request: HtmxHttpRequest, import_id: UUID) -> HttpResponse:
    row = _row(request, import_id)
    imports.resume_import(row=row)
    return redirect("accounts:user_import", row.public_id)


@requires("users.write", in_person=True)
@require_POST
def user_import_remove(request: HtmxHttpRequest, import_id: UUID) -> HttpResponse:
    row = _row(request, import_id)
    try:
        imports.remove_import(actor=request.user, row=row)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect("accounts:user_import", row.public_id)
    messages.success(request, _("The import is forgotten."))
    return redirect("accounts:user_import_new")


@requires("users.write")
@require_GET
def user_import_errors(request: HtmxHttpRequest, import_id: UUID) -> StreamingHttpResponse:
    """All wrong lines as a file."""
    row = _row(request, import_id)
    lines = ([str(number), column, plain(sentence)] for number, column, sentence in row.errors)
    return StreamingHttpResponse(
        ["\ufeff" + csv_lines([["line", "column", "what is wrong"], *lines])],
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="wrong-lines.csv"'},
    )


def _visible(request: HtmxHttpRequest) -> QuerySet[UserImport]:
    return UserImport.objects.visible_to(request.user).defer("sealed_file")


def _row(request: HtmxHttpRequest, import_id: UUID) -> UserImport:
    return get_object_or_404(_visible(request), public_id=import_id)


def _page(request: HtmxHttpRequest, row: UserImport, form: RunForm | None = None, *, status: int = 200) -> HttpResponse:
    is_own, gone = row.created_by == request.user, ""
    if row.state == State.UPLOADED and is_own:
        try:
            table = imports.table_of(row)
        except CannotOpen:
            gone = str(imports.FILE_GONE)
        else:
            return _columns_page(request, row, table, _columns_form(request, row, table, fresh=True))
    context = {
        "row": row,
        "is_own": is_own,
        "gone": gone,
        "is_sent": mail.is_sent(),
        "form": form or RunForm(),
        "errors": _errors(row),
        "more": max(0, len(row.errors) - SHOWN),
        "right": row.total - row.error_count,
    }
    return render(request, "accounts/user_import.html", context, status=status)


def _errors(row: UserImport) -> list[tuple[int, Text, str, str]]:
    """Line, column as the file heads it, what stands there, and what is wrong; the file is gone once it is done."""
    names: dict[str, Text] = {column.name: column.label for column in every_column()}
    cells: dict[int, Sequence[str]] = {}
    try:
        table = imports.table_of(row)
    except CannotOpen:
        pass
    else:
        names |= {name: table.headings[number] or names[name] for name, number in row.columns.items()}
        cells = {line.number: line.cells for line in table.lines}
    return [
        (number, names.get(name, name), _shown(row, name, cells.get(number, ())), words)
        for number, name, words in row.errors[:SHOWN]
    ]


def _shown(row: UserImport, name: str, cells: Sequence[str]) -> str:
    at = row.columns.get(name)
    if at is None or at >= len(cells) or not cells[at]:
        return ""
    return "••••" if name == "hash" or _looks_hashed(cells[at]) else cells[at][:60]


def _columns_form(request: HtmxHttpRequest, row: UserImport, table: Table, *, fresh: bool = False) -> ColumnsForm:
    initial = {f"column_{name}": str(number) for name, number in row.columns.items()}
    if row.options:
        initial["getting_in"] = INVITE if row.options.get("invite") else NOTHING
        initial["known"] = LEAVE if row.options.get("skip_known") else REFUSE
    data = None if fresh else posted(request)
    return ColumnsForm(data, headings=table.headings, may_invite=registration.may_invite(), initial=initial)


def _columns_page(request: HtmxHttpRequest, row: UserImport, table: Table, form: ColumnsForm) -> HttpResponse:
    # The hashes in it are nobody's to read.
    secret = {form.initial.get("column_hash")}
    sample = [
        [
            "••••" if cell and (str(number) in secret or _looks_hashed(cell)) else cell[:60]
            for number, cell in enumerate(line.cells[: len(table.headings)])
        ]
        for line in table.lines[:SAMPLE]
    ]
    context = {"row": row, "form": form, "headings": table.headings, "sample": sample}
    return render(request, "accounts/user_import_columns.html", context, status=form_status(form))


def _looks_hashed(cell: str) -> bool:
    return "$" in cell and len(cell) > 40
