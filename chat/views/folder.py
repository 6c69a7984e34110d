"""A person's own folders."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.http import HtmxHttpRequest
from chat.actions.folder import create_folder, delete_folder, update_folder
from chat.forms.folder import FolderForm
from chat.models import Folder
from ui.forms import form_status, posted, require_page_methods
from ui.guard import requires


@requires("chat.use")
@require_page_methods
def folder_list(request: HtmxHttpRequest) -> HttpResponse:
    """All of them, and a form for another."""
    form = FolderForm(posted(request), user=request.user)
    if form.is_valid():
        try:
            folder = create_folder(actor=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("“%(folder)s” is there.") % {"folder": folder})
            return redirect("chat:folder_list")
    inside = Count("conversations", filter=Q(conversations__deleted_at__isnull=True))
    folders = Folder.objects.filter(owner=request.user).select_related("prompt").annotate(number=inside)
    context = {"form": form, "folders": folders.order_by("name_key")}
    return render(request, "chat/folder_list.html", context, status=form_status(form))


@requires("chat.use")
@require_page_methods
def folder_edit(request: HtmxHttpRequest, folder_id: UUID) -> HttpResponse:
    folder = _own_folder(request, folder_id)
    initial = {"name": folder.name, "prompt": folder.prompt.public_id if folder.prompt else None}
    form = FolderForm(posted(request), user=request.user, initial=initial)
    if form.is_valid():
        try:
            update_folder(actor=request.user, folder=folder, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved"))
            return redirect("chat:folder_list")
    context = {"form": form, "folder": _own_folder(request, folder_id)}
    return render(request, "chat/folder_edit.html", context, status=form_status(form))


@requires("chat.use")
@require_page_methods
def folder_delete(request: HtmxHttpRequest, folder_id: UUID) -> HttpResponse:
    folder = _own_folder(request, folder_id)
    if request.method != "POST":
        return render(request, "chat/folder_delete.html", {"folder": folder})
    delete_folder(actor=request.user, folder=folder)
    messages.success(request, _("The folder is gone; its conversations are not."))
    return redirect("chat:folder_list")


def _own_folder(request: HtmxHttpRequest, folder_id: UUID) -> Folder:
    """One of the person's own; anybody else's does not exist here."""
    return get_object_or_404(Folder.objects.select_related("prompt"), owner=request.user, public_id=folder_id)
