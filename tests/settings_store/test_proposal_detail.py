"""/settings/proposals/: what waits, what was decided, and the decisions themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from settings_store import store
from settings_store.actions import approve, change_setting, decline, protect, submit_change
from settings_store.models import AuditEvent, OwnSetting, Proposal, Protection
from tests.factories import client_of, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_type")]


@pytest.fixture
def omar(db: None) -> User:
    return make_user(role="operator", username="oskar")


@pytest.fixture
def waiting(omar: User) -> Proposal:
    protect(actor=None, key="suite.integer")
    return propose(omar, reason="tariff tables")


def propose(author: User | None, value: str | None = "80", key: str = "suite.integer", **options: Any) -> Proposal:
    made = submit_change(actor=author, key=key, environment="production", value=value, **options)
    assert isinstance(made, Proposal)
    return made


def page(proposal: Proposal, act: str = "") -> str:
    return f"/settings/proposals/{proposal.public_id}/{act}"


def text(response: Any) -> str:
    return str(response.content.decode())


def status(proposal: Proposal) -> str:
    proposal.refresh_from_db()
    return proposal.status


def test_what_waits_is_listed_with_old_and_new(viewer: Client, waiting: Proposal) -> None:
    change_setting(actor=None, key="suite.string", environment="production", value="loud")
    propose(None, "quiet", "suite.string", apply_at=timezone.now() + timedelta(hours=1))
    html = text(viewer.get("/settings/proposals/"))
    assert '60 (default)</span> → <b class="mono">80</b>' in html
    assert "oskar" in html
    assert "tariff tables" in html
    assert "suite.string" not in html
    later = text(viewer.get("/settings/proposals/?tab=scheduled"))
    assert 'loud</span> → <b class="mono">quiet</b>' in later
    assert "/approve/" not in html + later, "a reader decides nothing"


def test_what_goes_back_shows_the_default_that_will_hold(viewer: Client) -> None:
    change_setting(actor=None, key="suite.integer", environment="production", value="77")
    change_setting(actor=None, key="suite.json", environment="default", value='{"mode": "block"}')
    Protection.objects.get_or_create(key="suite.integer")
    back = propose(None, None)
    assert '77</span> → <b class="mono">60 (default)</b>' in text(viewer.get("/settings/proposals/"))
    assert "<del>77</del><ins>60 (default)</ins>" in text(viewer.get(page(back)))
    assert "77 → <b>60 (default)</b>" in text(viewer.get("/settings/?q=suite.integer"))
    Protection.objects.get_or_create(key="suite.json")
    laid_out = text(viewer.get(page(propose(None, '{"mode": "log"}', "suite.json"))))
    assert "{&quot;mode&quot;" not in laid_out, "JSON stands line by line though its source is said behind it"
    assert "} (default)" in laid_out


def test_a_setting_that_cannot_be_read_takes_no_other_along(viewer: Client, waiting: Proposal) -> None:
    OwnSetting.objects.create(key="team.paint", type="colour", label="Paint", category="Team")
    Proposal.objects.create(key="team.paint", environment="production", act="set", value="red", status="awaiting")
    for url in ("/", "/settings/", "/settings/proposals/", "/settings/rollback/"):
        assert viewer.get(url).status_code == 200, url
    assert viewer.get("/settings/team.paint/").status_code == 404


def test_somebody_else_approves_and_the_value_counts(admin: Client, waiting: Proposal) -> None:
    assert "/approve/" in text(admin.get(page(waiting)))
    response = admin.post(page(waiting, "approve/"), {"note": "fine"}, follow=True)
    assert "Approved, and done." in text(response)
    assert "“fine”" in text(response)
    assert status(waiting) == "applied"
    assert store.get_setting("suite.integer") == 80


def test_the_list_comes_back_to_whoever_decided_there(admin: Client, waiting: Proposal) -> None:
    for back, location in (
        ("/settings/proposals/?tab=awaiting", "/settings/proposals/?tab=awaiting"),
        ("https://evil.example/", page(waiting)),
    ):
        Proposal.objects.update(status="awaiting", base_version=1)
        Proposal.objects.update(base_version=0)
        response = admin.post(page(waiting, "approve/"), {"note": "", "back": back})
        assert response.headers["Location"] == location


def test_declining_wants_a_note(admin: Client, waiting: Proposal) -> None:
    response = admin.post(page(waiting, "decline/"), {"note": ""})
    assert response.status_code == 422
    assert "Say why, so that its author knows." in text(response)
    assert status(waiting) == "awaiting"
    assert admin.post(page(waiting, "decline/"), {"note": "too much"}).status_code == 302
    assert status(waiting) == "declined"
    done = text(admin.get("/settings/proposals/?tab=done"))
    assert "too much" in done
    assert "declined by ana" in done


def test_an_author_decides_nothing_and_may_withdraw(omar: User, waiting: Proposal) -> None:
    other = make_user(role="admin", username="ben")
    mine = propose(other, "90")
    client = client_of(other)
    html = text(client.get(page(mine)))
    assert "somebody else decides" in html
    assert "/approve/" not in html
    for act in ("approve/", "decline/"):
        response = client.post(page(mine, act), {"note": "mine"})
        assert response.status_code == 422
        assert "You proposed this yourself" in text(response)
    assert status(mine) == "awaiting"
    assert client.post(page(mine, "withdraw/")).status_code == 302
    assert status(mine) == "withdrawn"


def test_only_its_author_or_an_admin_withdraws(operator: Client, admin: Client, omar: User, waiting: Proposal) -> None:
    assert operator.post(page(waiting, "withdraw/")).status_code == 403
    assert status(waiting) == "awaiting"
    assert client_of(omar).post(page(waiting, "withdraw/"), follow=True).status_code == 200
    assert status(waiting) == "withdrawn"
    again = propose(omar)
    assert admin.post(page(again, "withdraw/")).status_code == 302
    assert status(again) == "withdrawn"


def test_what_was_decided_meanwhile_is_said(admin: Client, omar: User, waiting: Proposal) -> None:
    decline(actor=make_user(role="admin", username="ben"), proposal=waiting, note="no")
    for act in ("approve/", "decline/", "withdraw/"):
        response = admin.post(page(waiting, act), {"note": "yes"})
        assert response.status_code == 409
        assert "ben declined this already." in text(response)


def test_a_value_that_moved_is_warned_of_and_fails(admin: Client, waiting: Proposal) -> None:
    Protection.objects.all().delete()
    change_setting(actor=None, key="suite.integer", environment="production", value="70")
    for html in (text(admin.get(page(waiting))), text(admin.get("/settings/proposals/"))):
        assert "changed it to version 1" in html
        assert "It is now 70" in html
        assert ">moved</span>" in html
        assert "approve/" not in html, "what cannot be made is not offered"
    again = "/settings/suite.integer/?environment=production&amp;value=80"
    assert again in text(admin.get(page(waiting)))
    assert 'value="80"' in text(admin.get(again.replace("&amp;", "&")))
    response = admin.post(page(waiting, "approve/"), {"note": ""}, follow=True)
    assert "could not be done" in text(response)
    assert status(waiting) == "failed"
    assert store.get_setting("suite.integer") == 70


def test_a_secret_is_shown_by_its_fingerprint_and_approved_after_the_password(
    admin: Client, omar: User, step_up: Callable[[Client], None]
) -> None:
    change_setting(actor=None, key="suite.secret", environment="production", value="abracadabra")
    protect(actor=None, key="suite.secret")
    proposal = propose(omar, "opensesame", "suite.secret")
    html = text(admin.get(page(proposal))) + text(admin.get("/settings/proposals/")) + text(admin.get("/"))
    assert "fingerprint" in html
    assert "opensesame" not in html
    assert "abracadabra" not in html
    response = admin.post(page(proposal, "approve/"), {"note": ""})
    assert response.headers["Location"].startswith("/step-up/")
    assert status(proposal) == "awaiting"
    step_up(admin)
    assert admin.post(page(proposal, "approve/"), {"note": ""}).status_code == 302
    assert store.get_setting("suite.secret") == "opensesame"


def test_those_without_the_right_decide_nothing(
    operator: Client, viewer: Client, person: Client, waiting: Proposal
) -> None:
    for client in (operator, viewer):
        assert client.get(page(waiting)).status_code == 200
        for act in ("approve/", "decline/"):
            assert client.post(page(waiting, act), {"note": "yes"}).status_code == 403
    for act in ("", "approve/", "decline/", "withdraw/"):
        assert person.get(page(waiting, act)).status_code == 403
        assert Client().get(page(waiting, act)).status_code == 302
    assert status(waiting) == "awaiting"


def test_a_link_to_a_decision_leads_to_the_page(admin: Client, waiting: Proposal) -> None:
    for act in ("approve/", "decline/", "withdraw/"):
        assert admin.get(page(waiting, act)).headers["Location"] == page(waiting)
        assert admin.put(page(waiting, act)).status_code == 405


@pytest.mark.parametrize("note", ["x" * 501, "NUL\0"])
def test_a_note_that_cannot_be_kept_is_refused(admin: Client, waiting: Proposal, note: str) -> None:
    for act in ("approve/", "decline/"):
        assert admin.post(page(waiting, act), {"note": note}).status_code == 422
    assert status(waiting) == "awaiting"


def test_the_list_asks_as_much_for_many_as_for_one(
    admin: Client, waiting: Proposal, omar: User, django_assert_max_num_queries: Any
) -> None:
    for value in range(100, 115):
        propose(omar, str(value))
    with django_assert_max_num_queries(14):
        admin.get("/settings/proposals/")


def test_home_and_rail_say_what_waits(admin: Client, omar: User, person: Client, waiting: Proposal) -> None:
    html = text(admin.get("/"))
    assert "Proposed changes of settings" in html
    assert 'class="count hot">1<span class="sr"> waiting' in html
    mine = text(client_of(omar).get("/"))
    assert "yours, awaits approval" in mine
    assert 'class="count hot"' not in mine
    assert "Proposed changes" not in text(person.get("/"))
    approve(actor=make_user(role="admin", username="ben"), proposal=waiting)
    assert "Proposed changes" not in text(admin.get("/"))


def test_protecting_and_taking_it_away(admin: Client, operator: Client) -> None:
    assert operator.post("/settings/suite.integer/protect/").status_code == 403
    assert admin.get("/settings/suite.integer/protect/").status_code == 302
    assert not Protection.objects.exists()
    assert admin.post("/settings/suite.integer/protect/").status_code == 302
    assert Protection.objects.get().by_name == "ana"
    assert operator.post("/settings/suite.integer/unprotect/").status_code == 403
    assert admin.get("/settings/suite.integer/unprotect/").status_code == 200
    assert admin.post("/settings/suite.integer/unprotect/", {"reason": "x" * 501}).status_code == 422
    assert admin.post("/settings/suite.integer/unprotect/", {"reason": "no longer needed"}).status_code == 302
    again = admin.post("/settings/suite.integer/unprotect/", {"reason": ""})
    assert again.status_code == 422
    assert "proposed already" in text(again)
    proposal = Proposal.objects.get()
    assert Protection.objects.exists(), "somebody else decides"
    ben = client_of(make_user(role="admin", username="ben"))
    assert "every environment" in text(ben.get("/settings/proposals/"))
    assert ben.post(page(proposal, "approve/"), {"note": ""}).status_code == 302
    assert not Protection.objects.exists()
    for act in ("protect", "unprotect"):
        assert admin.post(f"/settings/suite.nothing/{act}/").status_code == 404


def test_the_trail_leads_to_proposals_and_protections(admin: Client, waiting: Proposal) -> None:
    event = AuditEvent.objects.get(action="proposal.made")
    assert page(waiting) in text(admin.get(f"/audit/{event.sequence}/"))
    event = AuditEvent.objects.get(action="setting.protected")
    assert "/settings/suite.integer/" in text(admin.get(f"/audit/{event.sequence}/"))
