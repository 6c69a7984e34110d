from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Lockout, User
from accounts.names import key_of
from chat.models import Conversation
from rbac.actions import assign_role, create_role, revoke_role
from rbac.models import Assignment
from tests.rbac.conftest import AsPerson, MakePerson, Roles

WHY = "/roles/why/"


@pytest.fixture
def overseer(person: MakePerson, roles: Roles) -> User:
    """A supervisor who may also see roles, and so ask about the people below."""
    create_role(actor=None, name="Asker", priority=60, parent=roles["supervisor"], permissions=["roles.read"])
    return person("asker", full_name="Omar Haddad")


def test_empty_it_says_what_to_ask(as_person: AsPerson, person: MakePerson) -> None:
    page = as_person(person("user")).get(WHY)
    assert page.status_code == 200
    assert "Ask why" in page.text
    assert "Who may?" not in page.text


def test_about_oneself_the_role_and_its_parents_are_named(
    as_person: AsPerson, person: MakePerson, roles: Roles
) -> None:
    create_role(actor=None, name="Auditor", priority=30, parent=roles["viewer"], permissions=["system.read"])
    page = as_person(person("auditor")).get(WHY, {"permission": "audit:read"})
    verdict = page.context["verdict"]
    assert (verdict.allowed, verdict.headline) == (True, "Yes. Auditor gives it.")
    step = next(step for step in verdict.steps if step.name == "permission")
    assert [role.name for role in step.routes[0].roles] == ["Auditor", "Viewer"]
    # Whoever sees no roles gets no links to them.
    assert "inherited" in page.text
    assert f"/roles/{roles['viewer'].public_id}/" not in page.text


def test_a_missing_permission_names_the_roles_that_give_it(as_person: AsPerson, person: MakePerson) -> None:
    page = as_person(person("user")).get(WHY, {"permission": "See roles and who holds them"})
    verdict = page.context["verdict"]
    assert (verdict.allowed, verdict.decided_by) == (False, "permission")
    assert [role.name for role in verdict.steps[-1].givers] == ["Manager", "Admin"]
    assert "Ask an administrator if you need it." in page.text


def test_assignments_are_told_with_their_states(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person("user", full_name="Ana Ruiz")
    assign_role(
        actor=admin, user=user, role=roles["viewer"], starts_at=timezone.now() + timedelta(days=9), reason="Audit"
    )
    assign_role(actor=admin, user=user, role=roles["operator"])
    revoke_role(actor=admin, user=user, role=roles["operator"])
    page = as_person(admin).get(WHY, {"person": user.username, "permission": "audit:read"})
    verdict = page.context["verdict"]
    assert verdict.headline == "No. Assignments decide it."
    assert verdict.sentence == "Viewer would give it, and does not count: starts later."
    held = next(step.held for step in verdict.steps if step.name == "assignments")
    assert [(each.row.role.name, each.state.value) for each in held] == [
        ("User", "counting"),
        ("Viewer", "later"),
        ("Operator", "ended"),
    ]
    assert "by Maren Holt" in page.text
    assert verdict.steps[-1].outcome == "not reached"


def test_scope_is_drawn_by_the_line_of_supervisors(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    top = person("supervisor", full_name="Omar Haddad")
    middle = person("user", full_name="Lena Vogt", supervisor=top)
    owner = person("user", full_name="Tomasz Zielinski", supervisor=middle)
    other = person("supervisor", full_name="Ana Ruiz")
    talk = Conversation.objects.create(owner=owner, title="Complaint 4411")
    asked = {"permission": "conversations:oversee", "object": f"conversation:{talk.public_id}"}
    client = as_person(admin)
    page = client.get(WHY, {"person": other.username, **asked})
    verdict = page.context["verdict"]
    assert (verdict.headline, verdict.decided_by) == ("No. Scope decides it.", "scope")
    assert verdict.sentence == "Tomasz Zielinski is not among the people below Ana Ruiz."
    assert [str(each) for each in verdict.steps[-1].line] == ["Tomasz Zielinski", "Lena Vogt", "Omar Haddad"]
    assert "Omar Haddad" in [str(each) for each in page.context["others"]]
    # Either the owner comes to stand below, or a role that reaches everybody is given.
    assert page.context["move"] == owner
    assert [offer.role.name for offer in page.context["offers"]] == ["Admin"]
    moved = client.get(f"/users/{owner.public_id}/move/?supervisor={other.username}")
    assert moved.status_code == 200
    verdict = client.get(WHY, {"person": top.username, **asked}).context["verdict"]
    assert (verdict.allowed, verdict.decided_by) == (True, "scope")
    assert "stands below Omar Haddad" in verdict.sentence
    # By the address of its page, in whatever app, it is the same conversation.
    url = reverse("chat:conversation_read", args=[talk.public_id])
    by_page = client.get(WHY, {"person": top.username, "object": f"http://testserver{url}?version=x"})
    assert by_page.context["verdict"].decided_by == "scope"


def test_people_out_of_the_askers_sight_stay_nameless(as_person: AsPerson, person: MakePerson, overseer: User) -> None:
    boss = person("admin", full_name="Maren Holt")
    overseer.supervisor = boss
    overseer.save(update_fields=["supervisor"])
    below = person("user", supervisor=overseer)
    talk = Conversation.objects.create(owner=below)
    peer = person("supervisor", supervisor=overseer)
    page = as_person(overseer).get(WHY, {"person": peer.username, "object": f"conversation:{talk.public_id}"})
    assert page.context["verdict"].steps[-1].line[-1] is None
    assert "Maren Holt" not in page.text


def test_rank_is_told_with_each_act(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    manager, peer = person("manager", full_name="Lena Vogt"), person("manager", full_name="Kofi Mensah")
    asked = {"person": manager.username, "permission": "users:write", "object": f"person:{peer.username}"}
    verdict = as_person(admin).get(WHY, asked).context["verdict"]
    assert verdict.headline == "No. Rank decides it."
    assert "Lena Vogt is told: “Kofi Mensah holds a role beyond your reach." in verdict.sentence
    user = person("user")
    asked["object"] = f"/users/{user.public_id}/"
    verdict = as_person(admin).get(WHY, asked).context["verdict"]
    assert (verdict.allowed, verdict.decided_by) == (True, "rank")
    assert "Give a one-time password: yes" not in verdict.steps[-1].notes
    assert len(next(step.notes for step in verdict.steps if step.name == "rank")) == 4


def test_the_rank_of_roles(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    manager = person("manager")
    asked = {"person": manager.username, "permission": "users:write", "object": "role:operator"}
    verdict = as_person(admin).get(WHY, asked).context["verdict"]
    assert (verdict.allowed, verdict.decided_by) == (False, "rank")
    assert "You cannot give what you do not have yourself" in verdict.sentence
    asked["object"] = f"/roles/{roles['user'].public_id}/"
    assert as_person(admin).get(WHY, asked).context["verdict"].allowed


def test_a_role_that_is_held_cannot_be_deleted(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    create_role(actor=None, name="Auditor", priority=30)
    holder = person("auditor")
    client, asked = as_person(admin), {"permission": "roles:delete", "object": "role:auditor"}
    verdict = client.get(WHY, asked).context["verdict"]
    assert (verdict.allowed, verdict.decided_by) == (False, "rank")
    assert "People hold this role" in verdict.sentence
    page = client.get(WHY, asked)
    # Nobody could give what would help, and who else could is a question for each person.
    assert "Ask an administrator" not in page.text
    assert "Others who may" not in page.text
    Assignment.objects.filter(user=holder).delete()
    assert client.get(WHY, asked).context["verdict"].allowed


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("write prompts", "prompts:write"),
        ("Users read", "users:read"),
        ("users.read", "users:read"),
        ("default system prompts", "prompts:write"),
        ("acts of somebody", ""),
    ],
)
def test_permissions_are_found_by_words(as_person: AsPerson, admin: User, words: str, found: str) -> None:
    page = as_person(admin).get(WHY, {"permission": words})
    assert page.status_code == (200 if found else 422)
    if found:
        assert str(page.context["question"].permission) == found
        assert f'value="{found}"' in page.text


@pytest.mark.parametrize(
    ("words", "offered"), [("prompts:wriet", "prompts:write"), ("prompts", "prompts:read or prompts:write")]
)
def test_what_could_be_meant_is_offered(as_person: AsPerson, admin: User, words: str, offered: str) -> None:
    page = as_person(admin).get(WHY, {"permission": words})
    assert page.status_code == 422
    assert f"There is no permission “{words}”. Did you mean {offered}" in page.text
    assert "Ask why" not in page.text


def test_a_bare_name_is_whom_the_permission_is_about(
    as_person: AsPerson, admin: User, person: MakePerson, roles: Roles
) -> None:
    user = person("user")
    client = as_person(admin)
    for name in (user.username, user.email):
        question = client.get(WHY, {"permission": "users:read", "object": name}).context["question"]
        assert question.object.row == user
    question = client.get(WHY, {"permission": "roles:write", "object": "Operator"}).context["question"]
    assert question.object.row == roles["operator"]


def test_nothing_is_said_twice(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("user", full_name="Ana Ruiz")
    page = as_person(admin).get(
        WHY, {"person": user.username, "permission": "users:read", "object": f"person:{admin.username}"}
    )
    assert page.text.count("None of the roles of Ana Ruiz gives users:read.") == 1
    assert "<dt>Whom</dt>" in page.text
    assert "<dt>Person</dt>" not in page.text
    assert f'<a href="/users/{user.public_id}/">Ana Ruiz is active.</a>' in page.text
    assert "Before that" not in page.text
    user.must_change_password = True
    user.save(update_fields=["must_change_password"])
    page = as_person(admin).get(WHY, {"person": user.username, "permission": "chat:use"})
    # In the answer, and at the step that would be empty without it.
    assert page.text.count("Ana Ruiz must change the password first.") == 2
    assert [step.name for step in page.context["verdict"].path] == ["person", "assignments", "before", "permission"]


def test_the_version_of_the_roles_is_asked_for_seldom(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("guest")
    client, asked = as_person(admin), {"person": user.username, "permission": "chat:use"}
    client.get(WHY, asked)
    with CaptureQueriesContext(connection) as queries:
        client.get(WHY, asked)
    # Beside what comes with each person: once for the question.
    alone = [
        query
        for query in queries
        if query["sql"].startswith("SELECT") and "rolemapversion" in query["sql"].split(" WHERE ")[0]
    ]
    assert len([query for query in alone if "accounts_user" not in query["sql"]]) == 1


def test_a_page_is_its_route_and_what_it_shows(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    client, user = as_person(admin), person("user")
    for path, allowed, decided_by in [
        ("/settings/", False, "permission"),
        ("/profile/", True, "person"),
        ("/login/", True, "page"),
        ("/chat/", True, "permission"),
        ("/admin/", False, "permission"),
        (f"/users/{admin.public_id}/edit/", False, "permission"),
    ]:
        verdict = client.get(WHY, {"person": user.username, "object": path}).context["verdict"]
        assert (verdict.allowed, verdict.decided_by) == (allowed, decided_by), path
    history = client.get(WHY, {"person": user.username, "page": "/flags/proposals/"})
    assert [str(each) for each in history.context["verdict"].wanted] == ["flags:read"]
    step_up = client.get(WHY, {"page": f"/users/{user.public_id}/password/"}).context["verdict"]
    assert (step_up.allowed, step_up.decided_by) == (True, "rank")
    assert any("asks for the password again" in note for note in step_up.steps[-1].notes)


@pytest.mark.parametrize(
    ("role", "path", "allowed"),
    [
        ("operator", "/admin/", True),
        ("operator", "/admin/accounts/user/", False),
        ("admin", "/admin/accounts/user/", True),
        ("admin", "/admin/rbac/role/add/", False),
    ],
)
def test_the_admin_asks_each_table_too(
    as_person: AsPerson, admin: User, person: MakePerson, role: str, path: str, allowed: bool
) -> None:
    user = person(role)
    verdict = as_person(admin).get(WHY, {"person": user.username, "object": path}).context["verdict"]
    assert verdict.allowed == allowed
    assert (as_person(user).get(path).status_code == 200) == allowed


def test_what_comes_first_is_said(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    create_role(actor=None, name="Careful", priority=45, parent=roles["user"], requires_factor=True)
    user = person("careful", must_change_password=True, full_name="Ana Ruiz")
    Lockout.objects.create(user=user, until=timezone.now() + timedelta(hours=1))
    page = as_person(admin).get(WHY, {"person": user.email, "permission": "chat:use"})
    verdict = page.context["verdict"]
    assert verdict.allowed
    assert verdict.steps[-1].outcome == "first"
    for words in (
        "is locked out",
        "Careful asks for a second factor, and Ana Ruiz must set one up",
        "change the password",
    ):
        assert words in verdict.sentence


def test_the_deactivated_and_the_break_glass(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    away, glass = person("admin", is_active=False), person(is_superuser=True)
    client = as_person(admin)
    verdict = client.get(WHY, {"person": away.username, "permission": "chat:use"}).context["verdict"]
    assert (verdict.headline, verdict.decided_by) == ("No. The account is deactivated.", "person")
    verdict = client.get(WHY, {"person": glass.username, "permission": "settings:reveal"}).context["verdict"]
    assert verdict.headline == "Yes. A break-glass superuser may do everything."


def test_what_would_allow_it_is_offered_to_those_who_may(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("guest")
    page = as_person(admin).get(WHY, {"person": user.username, "permission": "chat:use"})
    names = [offer.role.name for offer in page.context["offers"]]
    assert names[0] == "User"
    assert page.context["offers"][0].adds == 3
    link = f"/users/{user.public_id}/roles/assign/?role={page.context['offers'][0].role.public_id}"
    assert link in page.text
    assert as_person(admin).get(link).context["form"].initial["role"] == page.context["offers"][0].role.pk
    manager = person("manager")
    page = as_person(manager).get(WHY, {"person": user.username, "permission": "models:read"})
    # A manager holds models:read, and can give no role that brings it.
    assert page.context["offers"] == []


def test_about_others_whoever_sees_roles_and_the_person(
    as_person: AsPerson, admin: User, person: MakePerson, overseer: User
) -> None:
    supervisor = person("supervisor")
    own, stranger = person("user", supervisor=supervisor), person("user")
    client = as_person(supervisor)
    # Seen, but roles are not: refused. Out of sight: as if there were nobody.
    assert client.get(WHY, {"person": own.username, "permission": "chat:use"}).status_code == 403
    strange = client.get(WHY, {"person": stranger.username, "permission": "chat:use"})
    nobody = client.get(WHY, {"person": "nobody-at-all", "permission": "chat:use"})
    assert strange.status_code == nobody.status_code == 422
    assert "There is nobody of this name in your sight." in strange.context["form"].errors["person"]
    assert strange.context["form"].errors == nobody.context["form"].errors
    client = as_person(overseer)
    assert client.get(WHY, {"person": str(stranger.public_id), "permission": "chat:use"}).status_code == 422
    below = person("user", supervisor=overseer)
    assert client.get(WHY, {"person": str(below), "permission": "chat:use"}).status_code == 200


def test_objects_out_of_sight_are_not_there(as_person: AsPerson, admin: User, person: MakePerson, roles: Roles) -> None:
    talk = Conversation.objects.create(owner=admin, title="A private matter")
    client = as_person(person("user"))
    for thing in (
        f"conversation:{talk.public_id}",
        f"/conversations/{talk.public_id}/",
        f"person:{admin.username}",
        "role:admin",
    ):
        page = client.get(WHY, {"permission": "chat:use", "object": thing})
        assert page.status_code == 422
        assert "in your sight" in page.text
        assert "A private matter" not in page.text
    # The route of its page alone is no secret.
    page = client.get(WHY, {"page": f"/conversations/{talk.public_id}/"})
    assert page.context["question"].object is None
    assert "the answer is about its route" in page.text


def test_acting_as_somebody_shows_what_is_in_person(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("user")
    client = as_person(admin, stepped_up=True)
    client.post(f"/users/{user.public_id}/act-as/", {"reason": "Looking into request 4411"})
    page = client.get(WHY, {"page": "/password/"})
    assert page.status_code == 200
    assert page.context["question"].person == user
    assert page.context["verdict"].headline == "No. It is done in person."


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"permission": "settings:fly"}, "permission", "There is no permission"),
        ({"permission": "a\x00b"}, "permission", "Use letters"),
        ({"permission": "users:read", "object": "banana"}, "object", "person:…, role:…"),
        ({"permission": "users:read", "object": "person:\x00"}, "object", "Use letters"),
        ({"object": "person:nobody"}, "object", "in your sight"),
        ({"object": "/nowhere/at/all/"}, "object", "There is no page"),
        ({"object": "https://elsewhere.example/users/"}, "object", "no address of this house"),
        ({"object": "http://[::1/users/"}, "object", "This is no address"),
        ({"page": "users"}, "page", "begins with a slash"),
        ({"page": "/users/", "permission": "users:read"}, "page", "not about both"),
        ({"permission": "settings:read", "object": "role:admin"}, "permission", "is not asked about a role"),
        ({"permission": "users:read", "object": "/settings/"}, "object", "that can be asked about"),
        ({"permission": "users:read", "person": "x" * 300}, "person", "At most 254"),
    ],
)
def test_bad_questions_are_answered_in_one_sentence(
    as_person: AsPerson, admin: User, asked: dict[str, str], field: str, words: str
) -> None:
    page = as_person(admin).get(WHY, asked)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert words in page.context["form"].errors[field][0]


def test_two_of_one_name_are_told_apart(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    person("user", full_name="Ana Ruiz")
    person("user", full_name="Ana Ruiz")
    page = as_person(admin).get(WHY, {"person": "ana ruiz", "permission": "chat:use"})
    assert "Several people are called so. Write the username instead." in page.text


def test_suggestions_are_people_in_sight(as_person: AsPerson, overseer: User, person: MakePerson) -> None:
    below = person("user", supervisor=overseer, full_name="Ana Ruiz")
    person("user", full_name="Ana Bell")
    found = as_person(overseer).get("/roles/why/people/", {"person": "ana"})
    assert below.username in found.text
    assert "Ana Bell" not in found.text
    assert as_person(person("user")).get("/roles/why/people/", {"person": "ana"}).status_code == 403


def test_the_roles_of_somebody_lead_here(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("user")
    page = as_person(admin).get(f"/users/{user.public_id}/roles/")
    link = f"{WHY}?person={user.username}"
    assert f'href="{link}"' in page.text
    asked = as_person(admin).get(link)
    assert asked.status_code == 200
    assert f'value="{user.username}"' in asked.text
    # Whoever sees no roles asks about themselves alone.
    supervisor = person("supervisor")
    below = person("user", supervisor=supervisor)
    client = as_person(supervisor)
    assert WHY not in client.get(f"/users/{below.public_id}/roles/").text
    assert f'href="{WHY}"' in client.get(f"/users/{supervisor.public_id}/roles/").text


def test_strangers_and_other_methods(as_person: AsPerson, person: MakePerson) -> None:
    client = as_person(person("user"))
    assert client.post(WHY).status_code == 405
    client.logout()
    assert client.get(WHY).headers["Location"].startswith("/login/")


def test_it_changes_nothing(as_person: AsPerson, admin: User, person: MakePerson) -> None:
    user = person("user")
    before = Assignment.objects.count()
    as_person(admin).get(
        WHY, {"person": user.username, "permission": "users:delete", "object": f"person:{key_of(user.email)}"}
    )
    assert Assignment.objects.count() == before
    assert User.objects.get(pk=user.pk).is_active
