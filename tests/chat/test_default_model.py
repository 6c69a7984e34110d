"""The setting that names the model of new conversations."""

from __future__ import annotations

import pytest

from chat.models import Model, Provider
from settings_store.store import get_setting
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
URL = "/settings/chat.default_model/"


def test_the_models_that_can_be_used_are_offered_and_no_others_taken(good: Model, provider: Provider) -> None:
    Model.objects.create(provider=provider, name="hidden", is_enabled=False)
    other = Provider.objects.create(name="Other", name_key="other", base_url="https://other.example/v1")
    Model.objects.create(provider=other, name="good")
    client = client_of(make_user(role="operator"))
    page = client.get(URL).content.decode()
    for name in ("good", "Other/good", "Misbehaving/good"):
        assert f'<option value="{name}">' in page
    assert '<option value="hidden">' not in page
    for wrong in ("hidden", "gpt-nonsense"):
        assert client.post(f"{URL}change/", {"value": wrong, "version": "0"}).status_code == 422
    assert client.post(f"{URL}change/", {"value": "Other/good", "version": "0"}).status_code == 302
    assert get_setting("chat.default_model") == "Other/good"
    assert client.post(f"{URL}change/", {"value": "", "version": "1"}).status_code == 302
