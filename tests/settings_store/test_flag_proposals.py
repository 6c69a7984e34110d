"""Protected and scheduled changes of flags: who decides, what pages say, and what trickery comes to."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rbac.actions import assign_role, create_role
from rbac.models import Assignment
from settings_store import audit, proposals
from settings_store.actions import (
    Description,
    apply_due,
    approve,
    archive_flag,
    create_flag,
    decline,
    propose_unprotect,
    protect,
    submit_change,
    withdraw,
)
from settings_store.flag.rules import FlagType
from settings_store.flags import flag_enabled
from settings_store.models import AuditEvent, Flag, Proposal, Protection, Setting, SettingVersion, StoreVersion
from settings_store.realms import Realm, key_of_flag
from tests.factories import client_of, make_user

pytestmark = pytest.mark.django_db
KEY = key_of_flag("new-search")


@pytest.fixture(autouse=True)
def flag(db: None) -> Flag:
    return create_flag(
        actor=None, key="new-search", kind=FlagType.BOOLEAN, description=Description(label="Search anew")
    )


@pytest.fixture
def ana(db: None) -> User:
    return make_user(role="admin", username="ana")


@pytest.fixture
def omar(db: None) -> User:
    return make_user(role="operator", username="omar")


def submit(
    actor: User | None = None,
    *,
    clear: bool = False,
    apply_at: Any = None,
    environment: str = "production",
    **rules: Any,
) -> Setting | Proposal | None:
    return submit_change(
        actor=actor,
        key=KEY,
        environment=environment,
        value=None if clear else json.dumps({"on": True} | rules),
        apply_at=apply_at,
    )


def propose(actor: User | None, **options: Any) -> Proposal:
    made = submit(actor, **options)
    assert isinstance(made, Proposal)
    return made


def holder(*permissions: str, username: str) -> User:
    user = make_user(role=None, username=username)
    assign_role(
        actor=None, user=user, role=create_role(actor=None, name=username, priority=15, permissions=permissions)
    )
    return user


def come(proposal: Proposal) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Proposal.objects.filter(pk=proposal.pk).update(apply_at=past)
    StoreVersion.objects.update(next_due=past)
    apply_due()
    proposal.refresh_from_db()


def soon() -> Any:
    return timezone.now() + timedelta(hours=1)


def text(response: Any) -> str:
    return str(response.content.decode())


def page(proposal: Proposal, act: str = "") -> str:
    return f"/flags/proposals/{proposal.public_id}/{act}"


def test_a_protected_flag_waits_for_somebody_else(ana: User, omar: User) -> None:
    admin = client_of(ana)
    assert admin.post("/flags/new-search/protect/?environment=production").headers["Location"] == (
        "/flags/new-search/?environment=production"
    )
    assert Protection.objects.get().key == KEY
    proposal = propose(omar, share=2500)
    assert not flag_enabled("new-search", omar)
    html = text(admin.get("/flags/proposals/"))
    assert "<ins>For 25 % of people</ins>" in html
    assert "<del>Off</del>" in html
    assert 'name="back"' in html
    assert page(proposal) in text(admin.get("/"))
    assert "Approved, and done." in text(admin.post(page(proposal, "approve/"), {"note": "fine"}, follow=True))
    version = SettingVersion.objects.get()
    rules = version.value or {}
    assert (rules["on"], rules["share"], version.actor_name) == (True, 2500, "omar")
    assert not list(audit.verify())


def test_whoever_may_only_change_flags_decides_nothing(ana: User, omar: User) -> None:
    protect(actor=None, key=KEY)
    proposal = propose(ana)
    reader = client_of(omar)
    assert "Somebody who may administer flags decides about it." in text(reader.get(page(proposal)))
    for act in ("approve/", "decline/"):
        assert reader.post(page(proposal, act), {"note": "no"}).status_code == 403
    assert reader.post("/flags/new-search/protect/").status_code == 403
    assert reader.post(page(proposal, "withdraw/")).status_code == 403
    assert client_of(ana).post(page(proposal, "withdraw/")).status_code == 302


def test_what_waits_is_shown_whole_with_names(ana: User, omar: User) -> None:
    protect(actor=None, key=KEY)
    proposal = propose(omar, people=[ana.pk], excluded=[omar.pk], roles=[Assignment.objects.get(user=omar).role_id])
    html = text(client_of(ana).get(page(proposal)))
    for line in ("<ins>For ana</ins>", "<ins>Never for omar</ins>", "<ins>For the role Operator</ins>"):
        assert line in html
    assert "flag:" not in html
    assert "Open flag" in html
    assert "“flag:" not in text(client_of(ana).get("/flags/proposals/"))


def test_the_list_asks_a_fixed_number_of_questions(ana: User, omar: User) -> None:
    client = client_of(ana)
    client.get("/flags/proposals/")
    counts = []
    for _more in range(2):
        for place in ("default", "staging", "production"):
            propose(omar, apply_at=soon(), people=[ana.pk], environment=place)
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/flags/proposals/?tab=scheduled").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_each_list_shows_its_own_and_leads_to_the_other(ana: User, every_type: None) -> None:
    submit_change(actor=None, key="suite.integer", environment="production", value="70", apply_at=soon())
    propose(None, apply_at=soon())
    admin = client_of(ana)
    flags, settings = (text(admin.get(f"/{realm}/proposals/?tab=scheduled")) for realm in ("flags", "settings"))
    assert "<wbr>search" in flags
    assert "integer" not in flags
    assert 'href="/settings/proposals/"' in flags
    assert "integer" in settings
    assert "<wbr>search" not in settings
    assert 'href="/flags/proposals/"' in settings
    flagger = client_of(holder("flags.read", username="fay"))
    assert 'href="/settings/proposals/"' not in text(flagger.get("/flags/proposals/"))


def test_counts_are_of_what_one_may_decide(ana: User, omar: User, every_type: None, rf: Any) -> None:
    for key in (KEY, "suite.integer"):
        protect(actor=None, key=key)
    propose(omar)
    submit_change(actor=ana, key="suite.integer", environment="production", value="70")
    for user, expected in ((ana, (0, 1)), (holder("flags.admin", username="fay"), (0, 1)), (omar, (0, 0))):
        request = rf.get("/")
        request.user = user
        assert tuple(proposals.for_decision(request, realm) for realm in Realm) == expected, user


def test_an_author_needs_the_rights_of_flags_when_it_is_made(ana: User) -> None:
    """Whoever may do everything with settings by then, but nothing with flags, changes none."""
    author = holder("flags.write", "flags.read", username="fay")
    later = propose(author, apply_at=soon())
    Assignment.objects.filter(user=author).delete()
    role = create_role(actor=None, name="settler", priority=16, permissions=["settings.write", "settings.admin"])
    assign_role(actor=None, user=author, role=role)
    come(later)
    assert (later.status, later.trouble) == ("failed", "fay, who proposed this, may not do it any more.")
    assert not Setting.objects.exists()


def test_taking_rules_back_later_needs_the_right_to_do_so(ana: User, omar: User) -> None:
    submit()
    proposal = propose(omar, clear=True, apply_at=soon())
    come(proposal)
    assert proposal.status == "failed"
    assert Setting.objects.get().version == 1
    proposal = propose(ana, clear=True, apply_at=soon())
    come(proposal)
    assert proposal.status == "applied"


def test_an_approver_needs_the_rights_of_flags_when_it_is_made(ana: User, omar: User) -> None:
    protect(actor=None, key=KEY)
    proposal = propose(omar, apply_at=soon())
    approver = holder("flags.admin", "flags.read", username="fay")
    assert approve(actor=approver, proposal=proposal).status == "scheduled"
    Assignment.objects.filter(user=approver).delete()
    role = create_role(actor=None, name="settler", priority=16, permissions=["settings.admin"])
    assign_role(actor=None, user=approver, role=role)
    come(proposal)
    assert proposal.status == "failed"
    assert "who approved this, may not do it any more" in proposal.trouble


def test_an_approval_of_a_setting_does_not_pass_for_one_of_a_flag(ana: User, omar: User, every_type: None) -> None:
    """Rows of proposals can be changed by whoever writes to the database; what was approved cannot."""
    create_flag(actor=None, key="suite.text", kind=FlagType.BOOLEAN, description=Description(label="Of one name"))
    flag_key = key_of_flag("suite.text")
    for key in (flag_key, "suite.text"):
        protect(actor=None, key=key)
    proposal = submit_change(actor=omar, key="suite.text", environment="production", value="harmless", apply_at=soon())
    assert isinstance(proposal, Proposal)
    approve(actor=ana, proposal=proposal)
    Proposal.objects.filter(pk=proposal.pk).update(key=flag_key, value={"on": True})
    come(proposal)
    assert (proposal.status, proposal.trouble) == ("failed", "It is protected, and nobody approved this.")
    assert not flag_enabled("suite.text", omar)


def test_nobody_approves_by_the_row_alone(ana: User, omar: User) -> None:
    protect(actor=None, key=KEY)
    proposal = propose(omar)
    Proposal.objects.filter(pk=proposal.pk).update(
        status="scheduled", decided_at=timezone.now(), decided_by_id=ana.pk, decided_by_name="ana"
    )
    come(proposal)
    assert (proposal.status, proposal.trouble) == ("failed", "It is protected, and nobody approved this.")


def test_the_protection_goes_by_four_eyes(ana: User) -> None:
    admin, ben = client_of(ana), make_user(role="admin", username="ben")
    protect(actor=None, key=KEY)
    asked = text(admin.get("/flags/new-search/unprotect/"))
    assert "Everybody who may change flags could then change <code>new-search</code> alone." in asked
    admin.post("/flags/new-search/unprotect/", {"reason": "no need any more"})
    proposal = Proposal.objects.get()
    with pytest.raises(ValidationError, match="yourself"):
        approve(actor=ana, proposal=proposal)
    assert approve(actor=ben, proposal=proposal).status == "applied"
    assert not Protection.objects.exists()
    event = AuditEvent.objects.get(action="flag.unprotected")
    assert (event.target_type, event.target_id, event.target_name) == (
        "settings_store.flag",
        "new-search",
        "new-search",
    )


@pytest.mark.parametrize("key", ["nothing", "New-Search", "flag:new-search", "a\0b"])
def test_what_is_no_flag_is_not_protected(ana: User, key: str) -> None:
    for act in ("protect", "unprotect"):
        assert client_of(ana).post(f"/flags/{key}/{act}/".replace("\0", "%00")).status_code == 404
    assert not Protection.objects.exists()


def test_an_archived_flag_takes_no_protection_and_no_change(ana: User, omar: User) -> None:
    later = propose(omar, apply_at=soon())
    with pytest.raises(ValidationError, match="pending"):
        archive_flag(actor=ana, key="new-search")
    # Past the action, as whoever writes to the database can.
    Flag.objects.update(archived_at=timezone.now())
    assert client_of(ana).post("/flags/new-search/protect/").status_code == 404
    assert "Search anew" in text(client_of(ana).get(page(later)))
    come(later)
    assert (later.status, later.trouble) == ("failed", "There is no such flag any more.")
    with pytest.raises(LookupError):
        propose_unprotect(actor=ana, key=KEY)


def test_a_circle_that_came_meanwhile_fails_in_words(ana: User, omar: User) -> None:
    create_flag(actor=None, key="new-index", kind=FlagType.BOOLEAN, description=Description(label="Index"))
    protect(actor=None, key=KEY)
    proposal = propose(omar, needs=["new-index"])
    submit_change(
        actor=None,
        key=key_of_flag("new-index"),
        environment="production",
        value=json.dumps({"on": True, "needs": ["new-search"]}),
    )
    decided = approve(actor=ana, proposal=proposal)
    assert decided.status == "failed"
    assert "circle: new-search → new-index → new-search" in decided.trouble
    assert not Setting.objects.filter(key=KEY).exists()
    html = text(client_of(ana).get(page(proposal)))
    assert "in a circle" in html


def test_moved_meanwhile_is_said_and_offered_anew(ana: User, omar: User) -> None:
    proposal = propose(omar, apply_at=soon(), share=1000)
    submit(ana, share=5000)
    html = text(client_of(ana).get(page(proposal)))
    assert "ana changed it to version 1 on" in html
    assert "It is now on · 50 %, so this can no longer be made." in html
    assert f"/flags/new-search/?environment=production&amp;again={proposal.public_id}" in html


def test_declining_and_withdrawing_say_so_in_the_trail(ana: User, omar: User) -> None:
    protect(actor=None, key=KEY)
    decline(actor=ana, proposal=propose(omar), note="not yet")
    withdraw(actor=omar, proposal=propose(omar))
    acts = AuditEvent.objects.filter(action__startswith="proposal.").order_by("sequence")
    assert [event.action for event in acts] == [
        "proposal.made",
        "proposal.declined",
        "proposal.made",
        "proposal.withdrawn",
    ]
    assert {event.target_name for event in acts} == {"flag new-search (production)"}


def test_a_page_of_a_flag_shows_what_waits_and_the_protection(omar: User, ana: User) -> None:
    protect(actor=None, key=KEY)
    proposal = propose(omar, share=2500)
    html = text(client_of(ana).get("/flags/new-search/?environment=production"))
    assert page(proposal) in html
    assert "Take the protection away…" in html
    assert "/flags/new-search/unprotect/?environment=production" in html
    reader = text(client_of(omar).get("/flags/new-search/?environment=production"))
    assert "/unprotect/" not in reader
    assert "protected" in reader


def test_strangers_are_kept_out(person: Client, omar: User) -> None:
    proposal = propose(omar, apply_at=soon())
    for url in ("/flags/proposals/", page(proposal), "/flags/rollback/"):
        assert person.get(url).status_code == 403
