from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from chat.actions import folder as actions
from chat.actions.folder import create_folder
from chat.models import Conversation, Folder, SystemPrompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(ana: User) -> Folder:
    return create_folder(actor=ana, name="Billing")


def test_folders_are_made_renamed_and_deleted_without_what_lies_in_them(as_ana: Client, ana: User) -> None:
    prompt = SystemPrompt.objects.create(name="Plain", name_key="plain", content="Be plain.", default_mark=True)
    assert "No folder yet" in as_ana.get("/chat/folders/").content.decode()
    as_ana.post("/chat/folders/", {"name": '  Bills  "2026" ', "prompt": str(prompt.public_id)})
    folder = Folder.objects.get()
    assert (folder.name, folder.prompt) == ("Bills 2026", prompt)
    conversation = Conversation.objects.create(owner=ana, title="One", folder=folder)
    as_ana.post(reverse("chat:folder_edit", args=[folder.public_id]), {"name": "Letters", "prompt": ""})
    folder.refresh_from_db()
    assert (folder.name, folder.prompt) == ("Letters", None)
    url = reverse("chat:folder_delete", args=[folder.public_id])
    assert "conversations in it stay" in as_ana.get(url).content.decode()
    as_ana.post(url)
    conversation.refresh_from_db()
    assert conversation.folder is None
    assert not Folder.objects.exists()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"name": ""}, "Give the folder a name."),
        ({"name": '""'}, "Give the folder a name."),
        ({"name": "x" * 81}, "At most 80 characters"),
        ({"name": "BILLING"}, "You have a folder of this name already."),
        ({"name": "New", "prompt": "nonsense"}, "not there any more"),
    ],
)
def test_what_makes_no_sense_is_said(as_ana: Client, folder: Folder, sent: dict[str, str], sentence: str) -> None:
    response = as_ana.post("/chat/folders/", sent)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert Folder.objects.count() == 1


def test_two_people_may_use_one_name(as_stranger: Client, folder: Folder) -> None:
    assert as_stranger.post("/chat/folders/", {"name": folder.name}).status_code == 302
    assert Folder.objects.count() == 2


def test_there_is_an_end_to_folders(as_ana: Client, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST", 1)
    response = as_ana.post("/chat/folders/", {"name": "Another"})
    assert response.status_code == 422
    assert "more are not kept" in response.content.decode()


@pytest.mark.parametrize("name", ["folder_edit", "folder_delete"])
def test_only_for_its_owner(as_stranger: Client, folder: Folder, name: str) -> None:
    url = reverse(f"chat:{name}", args=[folder.public_id])
    assert as_stranger.get(url).status_code == 404
    assert as_stranger.post(url, {"name": "Mine"}).status_code == 404
    assert Folder.objects.get().name == "Billing"
    assert "Billing" not in as_stranger.get("/chat/folders/").content.decode()
