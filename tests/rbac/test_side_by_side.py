"""Acts that lock several rows, next to others that lock the same: whoever comes second waits, and nobody dies of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from accounts import actions
from accounts.actions.identity import NotLetIn, arrive, disconnect_identity
from accounts.actions.identity_provider import delete_identity_provider
from accounts.actions.imports import bring_in, start_import
from accounts.models import Identity, IdentityProvider, User, UserImport
from accounts.oidc.claims import Vouched
from accounts.user_admin import UserAdmin
from rbac.actions import assign_people, assign_role, change_assignment, invite, revoke_role
from rbac.actions.assignment import EndedAssignment, StaleAssignment, edition
from rbac.actions.claims import map_claim, unmap_claim
from rbac.models import Assignment, ClaimRole
from settings_store import audit
from tests.accounts.oidc import make_provider
from tests.factories import make_user, role_named

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one write at a time"),
]

TIMES = 12
SYSTEM_KEYS = ("viewer", "operator", "supervisor")

type Act = Callable[[int], object]


def side_by_side(*acts: Act, times: int = TIMES) -> None:
    """Do each act `times` times, all of them beginning together each time; a deadlock is raised."""
    together = Barrier(len(acts), timeout=30)

    def do(act: Act) -> None:
        try:
            for number in range(times):
                together.wait()
                try:
                    act(number)
                except (NotLetIn, PermissionDenied, ValidationError, EndedAssignment, StaleAssignment):
                    # Refused by what the other one just did.
                    continue
        except BaseException:
            together.abort()
            raise
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(do, act) for act in acts]:
            done.result()
    assert list(audit.verify()) == []


@pytest.fixture
def admin() -> User:
    return make_user(role="admin")


@pytest.fixture
def provider() -> IdentityProvider:
    role_named("user")
    provider = make_provider("https://sso.example.org", allow_private=False, role_claim="groups")
    for key in SYSTEM_KEYS:
        map_claim(actor=None, provider=provider, value=key, role=role_named(key))
    return provider


def turn_roles(user: User) -> Act:
    """Gives somebody all roles, the last one first, and takes them again."""

    def turn(number: int) -> None:
        for key in reversed(SYSTEM_KEYS):
            if number % 2:
                revoke_role(actor=None, user=user, role=role_named(key))
                # So that the next time they get a new row, which refers to the person's.
                Assignment.objects.filter(user=user, is_active=False).delete()
            else:
                assign_role(actor=None, user=user, role=role_named(key))

    return turn


def arriving(provider: IdentityProvider, user: User, *, odd: bool = False) -> Act:
    subject = Identity.objects.create(provider=provider, user=user, subject=f"of-{user.pk}").subject

    def come(number: int) -> None:
        keys = SYSTEM_KEYS[::2] if number % 2 == odd else SYSTEM_KEYS[1:]
        arrive(provider=provider, vouched=Vouched(subject, values=frozenset(keys)))

    return come


def test_roles_by_claims_next_to_roles_by_hand(provider: IdentityProvider) -> None:
    one, other = make_user(), make_user()
    side_by_side(arriving(provider, one), arriving(provider, other, odd=True), turn_roles(make_user()))
    assert Assignment.objects.filter(user=one, provider=provider).exists()


def test_mapping_claims_next_to_arrivals_and_roles_by_hand(provider: IdentityProvider, admin: User) -> None:
    """A row of the mapping refers to the role and to the provider, and so does what an arrival gives."""
    one = make_user()

    def turn(number: int) -> None:
        if number % 2:
            unmap_claim(actor=admin, claim_role=ClaimRole.objects.get(value="more"))
        else:
            map_claim(actor=admin, provider=provider, value="more", role=role_named("guest"))

    side_by_side(arriving(provider, one), turn, turn_roles(make_user()))
    assert set(ClaimRole.objects.values_list("value", flat=True)) == set(SYSTEM_KEYS)
    assert Assignment.objects.filter(user=one, provider=provider).exists()


def test_rights_end_between_the_guard_and_the_lock(admin: User) -> None:
    """Whoever is shut out at the same moment gives nothing after it."""
    actor, person = make_user(role="admin"), make_user(role=None)
    late = list[bool]()

    def shut(number: int) -> None:
        if number % 2:
            assign_role(actor=admin, user=actor, role=role_named("admin"))
        else:
            revoke_role(actor=admin, user=actor, role=role_named("admin"))
        ended.wait()
        # Behind the barrier, with what was known of them before.
        after.wait()

    def give(number: int) -> None:
        known = User.objects.get(pk=actor.pk)
        known.has_perm("users.write")
        ended.wait()
        try:
            assign_role(actor=known, user=person, role=role_named("viewer"), reason=str(number))
        except PermissionDenied:
            late.append(number % 2 == 0)
        finally:
            after.wait()

    ended, after = Barrier(2, timeout=30), Barrier(2, timeout=30)
    side_by_side(shut, give)
    assert late == [True] * (TIMES // 2)


def test_first_arrivals_next_to_roles_by_hand(provider: IdentityProvider) -> None:
    IdentityProvider.objects.update(joining=IdentityProvider.Joining.EVERYBODY)
    provider.refresh_from_db()

    def come(number: int) -> None:
        vouched = Vouched(f"new-{number}", email=f"n{number}@example.org", values=frozenset(SYSTEM_KEYS))
        arrive(provider=provider, vouched=vouched)

    side_by_side(come, turn_roles(make_user()))
    assert Identity.objects.count() == TIMES


def test_disconnecting_next_to_roles_by_hand(provider: IdentityProvider) -> None:
    person = make_user()

    def leave(number: int) -> None:
        subject = f"back-{number}"
        Identity.objects.all().delete()
        Identity.objects.create(provider=provider, user=person, subject=subject)
        arrive(provider=provider, vouched=Vouched(subject, values=frozenset(SYSTEM_KEYS)))
        disconnect_identity(actor=person, identity=Identity.objects.get(subject=subject))

    def turn(number: int) -> None:
        (actions.activate_user if number % 2 else actions.deactivate_user)(actor=None, user=person)

    side_by_side(leave, turn, turn_roles(make_user()))
    person.refresh_from_db()
    assert person.is_active


def test_deleting_a_provider_next_to_roles_by_hand() -> None:
    role_named("user")
    providers, people = [], [make_user() for _ in range(3)]
    for number in range(TIMES):
        provider = make_provider("https://sso.example.org", f"p{number}", allow_private=False)
        for key in SYSTEM_KEYS:
            for person in people:
                assign_role(actor=None, user=person, role=role_named(key))
        providers.append(provider)

    def delete(number: int) -> None:
        Assignment.objects.filter(role__name_key__in=SYSTEM_KEYS, user__in=people).update(
            is_active=True, provider=providers[number]
        )
        delete_identity_provider(actor=None, provider=providers[number], people=0)

    side_by_side(delete, turn_roles(make_user()))
    assert not IdentityProvider.objects.exists()


def test_an_import_next_to_roles_by_hand(admin: User) -> None:
    role_named("user")
    rows = []
    for number in range(TIMES):
        text = "email,role\n" + "\n".join(f"p{number}-{line}@example.org,Viewer|Operator" for line in range(5))
        row = start_import(actor=admin, filename="people.csv", text=text)
        rows.append(row)
    UserImport.objects.update(state=UserImport.State.RUNNING, columns={"email": 0, "role": 1})
    side_by_side(lambda number: bring_in.func(rows[number].pk), turn_roles(make_user()), turn_roles(make_user()))
    assert set(UserImport.objects.values_list("state", "made", "error_count")) == {(UserImport.State.DONE, 5, 0)}


def test_two_workers_at_one_import_make_nobody_twice(admin: User) -> None:
    role_named("user")
    text = "email\n" + "\n".join(f"p{line}@example.org" for line in range(60))
    row = start_import(actor=admin, filename="people.csv", text=text)
    UserImport.objects.update(state=UserImport.State.RUNNING, columns={"email": 0})
    # Whoever finds lines taken stops; another turn goes on where the other one is.
    side_by_side(lambda _number: bring_in.func(row.pk), lambda _number: bring_in.func(row.pk), times=3)
    row.refresh_from_db()
    assert (row.state, row.done, row.made, row.error_count) == (UserImport.State.DONE, 60, 60, 0)
    assert User.objects.filter(joined_by=User.JoinedBy.IMPORTED).count() == 60


def test_inviting_and_making_people_next_to_roles_by_hand(admin: User) -> None:
    role_named("user")

    def ask(number: int) -> None:
        emails = [f"i{number}@example.org", f"j{number}@example.org"]
        invite(actor=admin, emails=emails, role=role_named("user" if number % 2 else "viewer"))

    def make(number: int) -> None:
        # The same names as those invited get, and one of the two is refused.
        actions.create_user(actor=admin, username=f"j{number}", email=f"j{number}@example.org")

    side_by_side(ask, make, turn_roles(make_user()))
    assert User.objects.filter(email__startswith="j").count() == TIMES


def test_the_admin_s_form_next_to_deactivating(admin: User) -> None:
    people = [make_user(role="admin") for _ in range(2)]
    form = UserAdmin(User, site)

    def change(number: int) -> None:
        wanted = {"seen": "", "full_name": f"Name {number}", "is_active": bool(number % 2)}
        form._change(admin, people[0], wanted)

    def turn(number: int) -> None:
        (actions.deactivate_user if number % 2 else actions.activate_user)(actor=None, user=people[1])

    def rename(number: int) -> None:
        actions.update_user(actor=None, user=people[0], supervisor=people[1] if number % 2 else None)

    side_by_side(change, turn, rename)
    one, other = (User.objects.get(pk=each.pk) for each in people)
    assert (one.full_name, one.is_active, other.is_active) == (f"Name {TIMES - 1}", True, False)


def test_giving_roles_next_to_deactivating_the_same_person(admin: User) -> None:
    person = make_user()

    def turn(number: int) -> None:
        (actions.activate_user if number % 2 else actions.deactivate_user)(actor=admin, user=person)

    side_by_side(turn_roles(person), turn)
    person.refresh_from_db()
    assert person.is_active
    assert [row.role.name for row in Assignment.objects.lasting().filter(user=person)] == ["User"]


def test_giving_a_role_to_many_next_to_changes_of_them(admin: User) -> None:
    people = [make_user() for _ in range(4)]

    def give(number: int) -> None:
        role = role_named("viewer")
        if number % 2:
            for person in people:
                revoke_role(actor=None, user=person, role=role)
        else:
            # In an order of its own, which is not theirs.
            assign_people(actor=admin, role=role, people=people[::-1])

    def rename(number: int) -> None:
        for person in people:
            actions.update_user(actor=None, user=person, full_name=f"Name {number}")

    side_by_side(give, rename, turn_roles(people[0]))
    assert set(User.objects.filter(pk__in=[each.pk for each in people]).values_list("full_name", flat=True)) == {
        f"Name {TIMES - 1}"
    }


def test_of_two_edits_of_one_assignment_the_second_is_told(admin: User) -> None:
    person = make_user(role="viewer")
    row = Assignment.objects.get(user=person)
    done, late = list[int](), list[int]()

    def change(name: str) -> Act:
        def act(number: int) -> None:
            seen = editions[number]
            try:
                change_assignment(actor=admin, assignment=row, seen=seen, reason=f"{name} {number}")
                done.append(number)
            except StaleAssignment:
                late.append(number)
            # Both have looked before either goes on.
            after.wait()
            editions.setdefault(number + 1, edition(Assignment.objects.get(pk=row.pk)))

        return act

    after = Barrier(2, timeout=30)
    editions = {0: edition(row)}
    side_by_side(change("one"), change("other"))
    assert sorted(done) == sorted(late) == list(range(TIMES))


def test_pausing_next_to_ending_and_deactivating(admin: User) -> None:
    person = make_user(role="viewer")

    def turn(number: int) -> None:
        row = Assignment.objects.filter(user=person, role=role_named("viewer")).latest("pk")
        change_assignment(actor=admin, assignment=row, is_active=bool(number % 2))

    def end(number: int) -> None:
        if number % 2:
            assign_role(actor=admin, user=person, role=role_named("viewer"))
        else:
            revoke_role(actor=admin, user=person, role=role_named("viewer"))

    def deactivate(number: int) -> None:
        (actions.activate_user if number % 2 else actions.deactivate_user)(actor=admin, user=person)

    side_by_side(turn, end, deactivate)
    assert Assignment.objects.filter(user=person, role=role_named("viewer"), is_open=True).count() == 1


def test_pausing_an_admin_next_to_deactivating_another_one(admin: User) -> None:
    """Both ask who the last admin is, the one with the role in hand already."""
    one, other = make_user(role="admin"), make_user(role="admin")
    row = Assignment.objects.get(user=one)

    def pause(number: int) -> None:
        change_assignment(actor=admin, assignment=row, is_active=bool(number % 2))

    def turn(number: int) -> None:
        (actions.activate_user if number % 2 else actions.deactivate_user)(actor=admin, user=other)

    side_by_side(pause, turn, times=60)
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.is_active, other.is_active) == (True, True)
