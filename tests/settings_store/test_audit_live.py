"""Following the trail: what comes while one looks, without keeping a session alive."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Session, User
from rbac.models import Assignment
from settings_store import audit
from settings_store.views.audit import MOST_LIVE, PER_LOOK

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def look(client: Client, query: str) -> str:
    response = client.get(f"/audit/live/?{query}", headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_what_came_since_is_brought_once_and_under_the_filters(viewer: Client) -> None:
    since = audit.head()[0]
    assert viewer.get(f"/audit/live/?from={since}", headers=HTMX).status_code == 204
    event = audit.record("widget.made", actor=None, target_name="one")
    audit.record("gadget.made", actor=None, target_name="two")
    html = look(viewer, f"action=widget.&from={since}")
    assert "widget.made" in html
    assert "gadget.made" not in html
    assert f"from={event.sequence}&amp;shown=1" in html
    assert viewer.get(f"/audit/live/?action=widget.&from={event.sequence}", headers=HTMX).status_code == 204


def test_one_look_brings_so_many_and_a_page_follows_so_far(viewer: Client) -> None:
    since = audit.head()[0]
    for number in range(PER_LOOK + 3):
        audit.record("widget.made", actor=None, target_name=f"number {number}")
    html = look(viewer, f"from={since}")
    assert html.count("<code>widget.made</code>") == PER_LOOK
    assert "More came at once" in html
    assert "hx-get" in html
    full = look(viewer, f"from={since}&shown={MOST_LIVE - 1}")
    assert "/audit/live/" not in full


def test_the_page_asks_only_while_it_follows(viewer: Client) -> None:
    audit.record("widget.made", actor=None)
    assert "/audit/live/" not in viewer.get("/audit/").content.decode()
    html = viewer.get("/audit/?live=1&action=widget.").content.decode()
    assert f"/audit/live/?action=widget.&amp;from={audit.head()[0]}&amp;shown=0" in html


def test_looking_is_no_activity(viewer: Client) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Session.objects.update(last_activity=long_ago)
    viewer.get("/audit/live/?from=0", headers=HTMX)
    assert Session.objects.get().last_activity == long_ago
    viewer.get("/audit/")
    assert Session.objects.get().last_activity > long_ago


def test_it_ends_with_words_when_the_person_is_signed_out_or_may_no_longer_look(viewer: Client) -> None:
    Assignment.objects.filter(user=User.objects.get(username="vera")).delete()
    response = viewer.get("/audit/live/?from=0", headers=HTMX)
    assert response.status_code == 286
    assert "You may no longer see this" in response.content.decode()
    Session.objects.all().delete()
    response = viewer.get("/audit/live/?from=0", headers=HTMX)
    assert response.status_code == 286
    assert "You are signed out" in response.content.decode()


@pytest.mark.parametrize("query", ["from=x", "from=-1", "from=" + "9" * 30, "from=%00&shown=%00", ""])
def test_odd_places_are_answered(viewer: Client, query: str) -> None:
    audit.record("widget.made", actor=None)
    assert viewer.get(f"/audit/live/?{query}", headers=HTMX).status_code in (200, 204)


def test_an_event_opens_below_its_row(viewer: Client) -> None:
    event = audit.record("widget.made", actor=None, before={"size": 1}, after={"size": 2})
    html = viewer.get(f"/audit/{event.pk}/", headers=HTMX).content.decode()
    assert html.startswith("<tr")
    assert "<del>size: 1</del><ins>size: 2</ins>" in html
    assert "<html" in viewer.get(f"/audit/{event.pk}/").content.decode()
