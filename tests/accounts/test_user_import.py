from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import bcrypt
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import actions
from accounts.actions import imports
from accounts.models import User, UserImport
from accounts.signals import user_registered
from rbac.models import Assignment, RoleMapVersion
from settings_store import key_use
from tests.accounts.conftest import Trail
from tests.factories import PASSWORD, client_of, make_user, role_named
from ui.registry import registry

URL = "/users/import/"
type Post = Callable[[], list[EmailMessage]]
COLUMNS = {"column_email": "0", "column_username": "1", "column_full_name": "2"}


@pytest.fixture
def importer(as_manager: Client) -> Client:
    session = as_manager.session
    session["stepped_up_at"] = time.time()
    session.save()
    return as_manager


def upload(client: Client, data: str | bytes, name: str = "people.csv") -> str:
    content = data.encode() if isinstance(data, str) else data
    answer = client.post(URL, {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, answer.content.decode()
    return str(answer["Location"])


def check(client: Client, page: str, post: Post, **fields: str) -> UserImport:
    """Look at all lines, with the columns the page guesses."""
    form = client.get(page).context["form"]
    guessed = {name: value for name, value in form.initial.items() if name.startswith("column_")}
    answer = client.post(f"{page}columns/", guessed | {"getting_in": "nothing", "known": "refuse"} | fields)
    assert answer.status_code == 302, answer.context["form"].errors
    post()
    return UserImport.objects.latest("pk")


def slips(row: UserImport) -> list[tuple[int, str]]:
    return [(error[0], error[1]) for error in row.errors]


def test_from_the_file_to_the_people(importer: Client, post: Post, trail: Trail) -> None:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    page = upload(
        importer,
        "Email;Login;Name;Role;Reports to;Active;Password hash\n"
        f"Boss@Example.org;boss;The Boss;Viewer;;yes;{hashed}\n"
        "one@example.org;;One  Below;;boss;;\n"
        "two@example.org;two;;;boss@example.org;no;\n",
    )
    assert "3 people in it" in importer.get(page).content.decode()
    assert hashed not in importer.get(page).content.decode()
    row = check(importer, page, post)
    assert (row.state, row.total, row.error_count, row.errors) == (UserImport.State.CHECKED, 3, 0, [])
    assert not User.objects.filter(joined_by=User.JoinedBy.IMPORTED).exists()
    assert "Bring in 3 people" in importer.get(page).content.decode()
    assert importer.post(f"{page}run/").status_code == 302
    assert "<progress" in importer.get(page).content.decode()
    post()
    row.refresh_from_db()
    assert (row.state, row.made, row.sealed_file) == (UserImport.State.DONE, 3, None)
    boss, one, two = User.objects.filter(joined_by=User.JoinedBy.IMPORTED).order_by("pk")
    assert (boss.username, boss.email, boss.full_name) == ("boss", "Boss@Example.org", "The Boss")
    assert boss.password == f"bcrypt${hashed}"
    assert not boss.must_change_password
    assert {each.role.name for each in Assignment.objects.filter(user=boss)} == {"Viewer"}
    assert {each.role.name for each in Assignment.objects.filter(user=one)} == {"User"}
    assert (one.username, one.supervisor, one.is_active, one.has_usable_password()) == ("one", boss, True, False)
    assert (two.supervisor, two.is_active) == (boss, False)
    assert trail.actions.count("user.created") == 3
    assert trail.events[-1].action == "users.imported"
    assert trail.events[-1].after == {"lines": 3, "done": 3, "made": 3, "wrong": 0, "invited": False}
    assert trail.events[-1].address == "127.0.0.1"
    assert "3 people were made" in importer.get(page).content.decode()


def test_one_bad_line_in_5000_is_found_and_nobody_is_made(importer: Client, post: Post) -> None:
    lines = [f"p{number}@example.org,p{number},Person {number}" for number in range(5000)]
    lines[3210] = "no address,p3210,Somebody"
    page = upload(importer, "email,username,name\n" + "\n".join(lines))
    row = check(importer, page, post)
    assert slips(row) == [(3212, "email")]
    shown = importer.get(page).content.decode()
    assert "One line is wrong" in shown
    assert "3212" in shown
    refused = importer.post(f"{page}run/")
    assert refused.status_code == 422
    assert "leave them out" in refused.content.decode()
    assert User.objects.filter(joined_by=User.JoinedBy.IMPORTED).count() == 0


def test_wrong_lines_are_left_out_where_that_is_wanted(importer: Client, post: Post, trail: Trail) -> None:
    page = upload(importer, "email\nright@example.org\nwrong\n")
    check(importer, page, post)
    shown = importer.get(page).content.decode()
    assert "Bring in 1, leave out 1" in shown
    assert "Checked: 1 ready, 1 wrong" in shown
    # What stands in the file, under its own heading.
    assert '<span class="ellipsis" title="wrong">' in shown
    importer.post(f"{page}run/", {"leave_out": "on"})
    post()
    assert User.objects.get(joined_by=User.JoinedBy.IMPORTED).email == "right@example.org"
    assert (trail.events[-1].after or {})["wrong"] == 1
    file = b"".join(importer.get(f"{page}errors/")).decode("utf-8-sig")
    assert file.splitlines()[1].startswith('"3","email",')


def test_each_wrong_cell_is_named_by_line_and_column(importer: Client, person: User, post: Post) -> None:
    page = upload(
        importer,
        "email,username,name,supervisor,active,role,hash\n"
        "a@example.org,first,,,,,\n"  # 2
        "A@EXAMPLE.ORG,second,,,,,\n"  # 3 the same address
        "c@example.org,ＦＩＲＳＴ,,,,,\n"  # 4 looks like line 2
        "ana.ruiz@example.org,other,,,,,\n"  # 5 somebody here
        "e@example.org,Ana.Ruiz,,,,,\n"  # 6 somebody here
        "f@example.org,-bad name-,,,,,\n"  # 7
        "g@example.org,g,,nobody,,,\n"  # 8
        "h@example.org,h,,h,,,\n"  # 9 oneself
        "i@example.org,i,,j,,,\n"  # 10 below
        "j@example.org,j,,,maybe,,\n"  # 11
        "k@example.org,k,,j,,,\n"  # 12 of a wrong line
        "l@example.org,l,,,,Emperor,\n"  # 13
        "m@example.org,m,,,,Admin,\n"  # 14 beyond reach
        "n@example.org,n,,,,,hunter2\n"  # 15
        f"o@example.org,o,{'x' * 151},,,,\n"  # 16
        "p@example.org,p,,,,,,,surplus\n"  # 17
        "\n"
        ",,,,,,x\n",  # 19
    )
    row = check(importer, page, post)
    assert slips(row) == [
        (3, "email"),
        (4, "username"),
        (5, "email"),
        (6, "username"),
        (7, "username"),
        (8, "supervisor"),
        (9, "supervisor"),
        (10, "supervisor"),
        (11, "active"),
        (12, "supervisor"),
        (13, "role"),
        (14, "role"),
        (15, "hash"),
        (16, "full_name"),
        (17, ""),
        (19, "email"),
        (19, "username"),
        (19, "hash"),
    ]
    said = " ".join(error[2] for error in row.errors)
    assert "Line 2 has it already" in said
    assert "not yours to give" in said
    assert "hunter2" not in said
    assert row.error_count == 16
    assert importer.get(page).status_code == 200


def test_known_people_are_left_as_they_are_where_that_is_wanted(importer: Client, person: User, post: Post) -> None:
    page = upload(importer, "email,name\nANA.RUIZ@example.org,Another Name\nnew@example.org,New\n")
    row = check(importer, page, post, known="leave")
    assert row.error_count == 0
    importer.post(f"{page}run/")
    post()
    person.refresh_from_db()
    row.refresh_from_db()
    assert (person.full_name, row.made) == ("Ana Ruiz", 1)


def test_invitations_go_to_those_without_a_hash(importer: Client, post: Post) -> None:
    hashed = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
    page = upload(
        importer, f"email,hash,active\nhas@example.org,{hashed},\ninvited@example.org,,\naway@example.org,,no\n"
    )
    check(importer, page, post, getting_in="invite")
    importer.post(f"{page}run/")
    letters = post()
    assert [letter.to for letter in letters] == [["invited@example.org"]]
    assert "/invitation/" in str(letters[0].body)
    assert User.objects.get(email="invited@example.org").invited_until is not None
    assert User.objects.get(email="has@example.org").invited_until is None


def test_a_task_that_died_is_gone_on_with_and_makes_nobody_twice(importer: Client, post: Post, trail: Trail) -> None:
    page = upload(importer, "email\n" + "\n".join(f"p{number}@example.org" for number in range(250)))
    row = check(importer, page, post)
    importer.post(f"{page}run/")
    imports.bring_in.func(row.pk)
    row.refresh_from_db()
    assert (row.done, row.made) == (100, 100)
    # The worker dies with what was in its queue; whoever watches begins anew.
    DBTaskResult.objects.filter(task_path__endswith="bring_in").delete()
    UserImport.objects.update(touched_at=timezone.now() - timedelta(minutes=5))
    assert "Going on makes nobody twice" in importer.get(page).content.decode()
    imports.watch_import.func(row.pk)
    importer.post(f"{page}resume/")
    post()
    row.refresh_from_db()
    assert (row.state, row.done, row.made, row.error_count) == (UserImport.State.DONE, 250, 250, 0)
    assert User.objects.filter(joined_by=User.JoinedBy.IMPORTED).count() == 250
    assert trail.actions.count("users.imported") == 1


def test_two_tasks_share_the_lines(importer: Client, post: Post) -> None:
    page = upload(importer, "email\n" + "\n".join(f"p{number}@example.org" for number in range(120)))
    row = check(importer, page, post)
    importer.post(f"{page}run/")
    for _ in range(2):
        imports.bring_in.enqueue(row.pk)
    post()
    row.refresh_from_db()
    assert (row.state, row.made, row.error_count) == (UserImport.State.DONE, 120, 0)


def test_whoever_is_deactivated_meanwhile_brings_in_nobody(importer: Client, manager: User, post: Post) -> None:
    page = upload(importer, "email\none@example.org\n")
    row = check(importer, page, post)
    importer.post(f"{page}run/")
    actions.deactivate_user(actor=None, user=manager)
    post()
    row.refresh_from_db()
    assert (row.state, row.made, row.sealed_file) == (UserImport.State.FAILED, 0, None)
    assert "may not bring people in" in row.trouble


def test_what_changed_since_the_check_is_found_line_by_line(importer: Client, post: Post) -> None:
    role = role_named("viewer")
    page = upload(importer, "email,role\ntaken@example.org,\nrole@example.org,Viewer\nfine@example.org,\n")
    row = check(importer, page, post)
    make_user(username="taken", email="Taken@example.org")
    role.priority = 99
    role.save()
    RoleMapVersion.objects.update(version=12345)
    importer.post(f"{page}run/")
    post()
    row.refresh_from_db()
    assert (row.state, row.made, row.error_count) == (UserImport.State.DONE, 1, 2)
    assert slips(row) == [(2, "email"), (2, "username"), (3, "role")]
    assert not User.objects.filter(email="role@example.org").exists()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "empty"),
        (b"  \n \n", "empty"),
        (b"PK\x03\x04rest", "workbook or an archive"),
        (b"\xff\xfee\x00", "UTF-16"),
        ("email\nJos\u00e9@example.org\n".encode("latin-1"), "not in UTF-8: line 2"),
        (b"email\n\x00\n", "not a text file"),
        (b"email,name\n", "nobody below"),
        (b",,\na,b,c\n", "headings"),
        (b"email\n" + b"a@example.org\n" * 10_001, "more than 10000"),
        (b"email\n" + b"x" * (2 * 1024 * 1024), "larger than 2 MB"),
        (b",".join([b"h"] * 61) + b"\nx\n", "more than 60 columns"),
        (b'email\n"' + b"x" * 140_000 + b'"\n', "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(importer: Client, data: bytes, sentence: str) -> None:
    answer = importer.post(URL, {"file": SimpleUploadedFile("odd.csv", data)})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not UserImport.objects.exists()


def test_old_ones_are_forgotten_though_nobody_opens_the_page(importer: Client) -> None:
    upload(importer, "email\none@example.org")
    old = timezone.now() - imports.UNUSED_FOR - timedelta(minutes=1)
    for _trouble, act in key_use._acts:
        act()
    assert UserImport.objects.exists()
    UserImport.objects.update(created_at=old)
    importer.get(URL)
    assert UserImport.objects.exists(), "to look deletes nothing"
    for _trouble, act in key_use._acts:
        act()
    assert not UserImport.objects.exists()


def test_to_look_at_one_whose_file_is_gone_deletes_nothing(importer: Client) -> None:
    page = upload(importer, "email\none@example.org")
    UserImport.objects.update(sealed_file=b"nothing that opens")
    assert "The file is gone" in importer.get(page).content.decode()
    assert importer.get(f"{page}columns/")["Location"] == page
    assert UserImport.objects.exists()
    importer.post(f"{page}remove/")
    assert not UserImport.objects.exists()


def test_no_file_at_all(importer: Client) -> None:
    assert "Choose a file" in importer.post(URL).content.decode()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiters_marks_and_ends_of_lines(importer: Client, post: Post, delimiter: str, mark: str, end: str) -> None:
    lines = [delimiter.join(['"Email"', "Full name"]), delimiter.join(["a@example.org", f'"One{delimiter} ""Two"""'])]
    page = upload(importer, mark + end.join(lines))
    check(importer, page, post)
    importer.post(f"{page}run/")
    post()
    assert User.objects.get(email="a@example.org").full_name == f'One{delimiter} "Two"'


def test_a_column_is_one_thing_and_the_address_is_needed(importer: Client) -> None:
    page = upload(importer, "one,two\na,b\n")
    answer = importer.post(f"{page}columns/", {"getting_in": "nothing", "known": "refuse"})
    assert answer.status_code == 422
    assert "Choose the column that holds it" in answer.content.decode()
    fields = {"column_email": "0", "column_username": "0", "getting_in": "nothing", "known": "refuse"}
    assert "is Email address already" in importer.post(f"{page}columns/", fields).content.decode()
    assert importer.post(f"{page}columns/", fields | {"column_username": "9"}).status_code == 422


def test_columns_can_be_chosen_anew_after_the_check(importer: Client, post: Post) -> None:
    page = upload(importer, "name,email\nx@example.org,Somebody\n")
    assert check(importer, page, post).error_count == 1
    row = check_again(importer, page, post)
    assert (row.error_count, row.errors) == (0, [])


def check_again(client: Client, page: str, post: Post) -> UserImport:
    assert client.get(f"{page}columns/").status_code == 200
    fields = {"column_email": "0", "column_full_name": "1", "getting_in": "nothing", "known": "refuse"}
    client.post(f"{page}columns/", fields)
    post()
    return UserImport.objects.latest("pk")


def test_run_twice_it_runs_once(importer: Client, post: Post, trail: Trail) -> None:
    page = upload(importer, "email\na@example.org\n")
    check(importer, page, post)
    for _ in range(2):
        assert importer.post(f"{page}run/").status_code == 302
    post()
    importer.post(f"{page}run/")
    post()
    assert trail.actions.count("user.created") == 1


def test_it_is_its_owner_s_and_an_admin_s(importer: Client, as_admin: Client, post: Post) -> None:
    page = upload(importer, "email\nwrong\n")
    check(importer, page, post)
    other = client_of(make_user(role="manager"))
    for path in (page, f"{page}errors/", f"{page}progress/"):
        assert other.get(path).status_code == 404
        assert as_admin.get(path).status_code in {200, 204}
    assert "Bring in" not in as_admin.get(page).content.decode()
    assert other.post(f"{page}remove/").status_code == 404


def test_it_asks_for_the_password(as_manager: Client, person: User) -> None:
    session = as_manager.session
    session["stepped_up_at"] = 0
    session.save()
    assert as_manager.get(URL)["Location"].startswith("/step-up/")
    assert client_of(person).get(URL).status_code == 403


def test_it_is_removed_and_the_file_with_it(importer: Client, post: Post, trail: Trail) -> None:
    page = upload(importer, "email\na@example.org\n")
    row = UserImport.objects.get()
    assert b"example.org" not in bytes(row.sealed_file or b"")
    assert importer.post(f"{page}remove/")["Location"] == URL
    assert not UserImport.objects.exists()
    assert trail.actions == ["users.import_removed"]


def test_the_trail_leads_to_an_import_for_those_who_may_see_it(importer: Client, manager: User, admin: User) -> None:
    upload(importer, "email\na@example.org\n")
    row, link = UserImport.objects.get(), registry.object_links["accounts.userimport"]
    request = HttpRequest()
    for viewer, known in ((manager, True), (admin, True), (make_user(role="manager"), False), (make_user(), False)):
        request.user = viewer
        assert link(request, str(row.public_id)) == (f"{URL}{row.public_id}/" if known else "")
    assert link(request, "no id") == ""


def test_one_under_way_is_not_removed(importer: Client) -> None:
    page = upload(importer, "email\na@example.org\n")
    UserImport.objects.update(state=UserImport.State.RUNNING)
    assert "under way" in importer.post(f"{page}remove/", follow=True).content.decode()
    assert UserImport.objects.exists()


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ('email,name\none@example.org,"One\ntwo@example.org,Two\nthree@example.org,Three\n', 2),
        ('email,name\none@example.org,One\ntwo@example.org,"Two" or so\n', 3),
    ],
)
def test_a_quote_that_swallows_people_is_said_with_its_line(importer: Client, data: str, line: int) -> None:
    answer = importer.post(URL, {"file": SimpleUploadedFile("people.csv", data.encode())})
    assert answer.status_code == 422
    assert f"line {line} " in answer.content.decode()


def test_nobody_goes_on_without_the_right(importer: Client, manager: User, post: Post) -> None:
    """Rights that end while people are being made end it, also in the middle of what one task does."""
    lines = "".join(f"p{number}@example.org,p{number}\n" for number in range(30))
    row = check(importer, page := upload(importer, f"email,username\n{lines}"), post)

    def take_it_away(sender: object, **kwargs: object) -> None:
        if User.objects.filter(joined_by=User.JoinedBy.IMPORTED).count() == 5:
            Assignment.objects.filter(user=manager).delete()

    user_registered.connect(take_it_away)
    try:
        importer.post(f"{page}run/")
        post()
    finally:
        user_registered.disconnect(take_it_away)
    row.refresh_from_db()
    assert (row.state, row.made) == (UserImport.State.FAILED, imports.TOGETHER)
