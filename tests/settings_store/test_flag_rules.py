"""/flags/<key>/change/: the rules as people write them, and one clear sentence for each that is not right."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client

from accounts.models import User
from rbac.models import Role
from settings_store import actions
from settings_store.actions import Description, create_flag
from settings_store.flag.rules import OFF, FlagType
from settings_store.flags import flag_enabled, flag_variant
from settings_store.forms.flag_typing import sealed
from settings_store.models import Setting
from settings_store.realms import key_of_flag
from tests.factories import make_user, role_named

pytestmark = pytest.mark.django_db


def make(key: str = "new-search", kind: FlagType = FlagType.BOOLEAN) -> None:
    create_flag(actor=None, key=key, kind=kind, description=Description(label="A flag"))


def give(key: str, environment: str = "production", **rules: Any) -> None:
    value = json.dumps({"on": True} | rules)
    actions.submit_change(actor=None, key=key_of_flag(key), environment=environment, value=value)


def post(client: Client, key: str = "new-search", act: str = "change", query: str = "", **data: Any) -> HttpResponse:
    sent = {"version": "0", "reason": "", "share": "100"} | data
    response = client.post(f"/flags/{key}/{act}/{query}", sent)
    assert isinstance(response, HttpResponse)
    return response


def text(response: Any) -> str:
    return str(response.content.decode())


def errors(response: Any) -> list[str]:
    return re.findall(r'<p class="error">.*?<span>(.*?)</span>', text(response), re.DOTALL)


def saved(key: str = "new-search", environment: str = "production") -> dict[str, Any]:
    value = Setting.objects.get(key=key_of_flag(key), environment=environment).value
    assert isinstance(value, dict)
    return value


def refused(client: Client, **data: Any) -> list[str]:
    """The sentences with which a form is refused; nothing of it is saved."""
    response = post(client, **data)
    assert response.status_code == 422
    assert not Setting.objects.filter(key=key_of_flag("new-search")).exists()
    return errors(response)


def test_every_rule_is_saved_and_counts(operator: Client) -> None:
    make()
    make("base")
    give("base")
    ada, bo = make_user(username="ada"), make_user(username="bo")
    role = role_named("supervisor")
    response = post(
        operator,
        on="on",
        starts="2020-01-01T09:00",
        until="2900-01-01T09:00",
        needs_add="base",
        excluded_add="bo@example.org",
        people_add="ADA",
        roles=[role.pk],
        share="12.34",
    )
    assert response.headers["Location"] == "/flags/new-search/?environment=production"
    assert saved() == {
        "on": True,
        "from": "2020-01-01T09:00:00Z",
        "until": "2900-01-01T09:00:00Z",
        "needs": ["base"],
        "excluded": [bo.pk],
        "people": [ada.pk],
        "roles": [role.pk],
        "share": 1234,
        "variants": [],
    }
    assert flag_enabled("new-search", ada)
    assert not flag_enabled("new-search", bo)


def test_times_are_those_of_the_person(operator: Client) -> None:
    make()
    User.objects.filter(username="omar").update(time_zone="Asia/Tokyo")
    post(operator, on="on", starts="2026-11-20T09:00")
    assert saved()["from"] == "2026-11-20T00:00:00Z"
    assert 'value="2026-11-20T09:00"' in text(operator.get("/flags/new-search/"))


def test_a_time_in_the_hour_that_comes_twice_stays(operator: Client) -> None:
    make()
    User.objects.filter(username="omar").update(time_zone="Europe/Berlin")
    give("new-search", until="2026-10-25T01:30:00Z")
    assert 'name="until" value="2026-10-25T02:30"' in text(operator.get("/flags/new-search/"))
    assert post(operator, version="1", on="on", share="7", until="2026-10-25T02:30").status_code == 302
    assert (saved()["until"], saved()["share"]) == ("2026-10-25T01:30:00Z", 700)
    # Written anew, nobody knows which of the two is meant.
    assert post(operator, version="2", on="on", starts="2027-10-31T02:30").status_code == 422


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (FlagType.STRING, "Be brief.\r\nAnd kind.", "Be brief.\nAnd kind."),
        (FlagType.NUMBER, "0.75", 0.75),
        (FlagType.NUMBER, "-12", -12),
        (FlagType.JSON, '{"size": [1, 2]}', {"size": [1, 2]}),
    ],
)
def test_variants_are_kept_in_their_type_and_shown_again(
    operator: Client, kind: FlagType, typed: str, value: Any
) -> None:
    make(kind=kind)
    rows: dict[str, Any] = {"variant_name": ["short", ""], "variant_value": [typed, ""], "variant_weight": ["100", ""]}
    assert post(operator, on="on", **rows).status_code == 302
    assert flag_variant("new-search", make_user()) == value
    # The page gives back what saves as the same.
    html = text(operator.get("/flags/new-search/"))
    shown = re.search(r'name="variant_value"[^>]*?(?:value="([^"]*)"|>\n(.*?)</textarea>)', html, re.DOTALL)
    assert shown is not None
    again = rows | {"variant_value": [(shown[1] or shown[2]).replace("&quot;", '"'), ""]}
    page = operator.post("/flags/new-search/change/", {"version": "1", "share": "100", "on": "on"} | again, follow=True)
    assert "Nothing changed: these rules hold already." in text(page)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"share": "100.01"}, "At most 100 %; this is 100.01 %."),
        ({"share": "many"}, "Write a percentage from 0 to 100 with at most two decimals, such as 12.5."),
        ({"share": ""}, "Write a percentage from 0 to 100, such as 12.5."),
        ({"share": "0.001"}, "Write a percentage from 0 to 100 with at most two decimals, such as 12.5."),
        (
            {"starts": "2026-11-20T09:00", "until": "2026-11-20T08:00"},
            "“From” must lie before “until”.",
        ),
        ({"starts": "tomorrow"}, "Enter a valid date/time."),
        ({"starts": "0001-01-01T00:00"}, "Give a day of the years 1970 to 2999."),
        ({"roles": ["987654321"]}, "One of the roles chosen does not exist (any more)."),
        ({"roles": ["9" * 50]}, "One of the roles chosen does not exist (any more)."),
        (
            {"people_add": "nemo"},
            "Nobody here is called “nemo”. Write the username or the e-mail address.",
        ),
        ({"needs_add": "nothing"}, "There is no flag &#x27;nothing&#x27;."),
        ({"needs_add": "new-search"}, "A flag cannot depend on itself."),
    ],
)
def test_what_is_not_right_is_said_in_one_sentence_beside_it(
    operator: Client, data: dict[str, Any], sentence: str
) -> None:
    make()
    assert refused(operator, **data) == [sentence]


@pytest.mark.parametrize(
    ("kind", "row", "sentence"),
    [
        (FlagType.STRING, ("", "x", "100"), "One variant has no name."),
        (FlagType.STRING, ("a", "x", "99"), "The weights add up to 99 % instead of 100 %."),
        (FlagType.STRING, ("a", "x", "101"), "Variant “a”: At most 100 %; this is 101 %."),
        (
            FlagType.STRING,
            ("a", "x" * 5001, "100"),
            "Variant “a”: The value of a variant is a text of at most 5000 characters.",
        ),
        (FlagType.NUMBER, ("a", "ten", "100"), "Variant “a”: The value of a variant is a number such as 12 or 0.75."),
        (
            FlagType.NUMBER,
            ("a", "9" * 17, "100"),
            "Variant “a”: The value of a variant is a number such as 12 or 0.75.",
        ),
        (
            FlagType.JSON,
            ("a", "{", "100"),
            "Variant “a”: This is not JSON; line 1 cannot be read from character 2 on.",
        ),
        (FlagType.JSON, ("a", '"\\ud800"', "100"), "Variant “a”: The value holds characters that cannot be kept."),
    ],
)
def test_what_is_not_right_with_a_variant(
    operator: Client, kind: FlagType, row: tuple[str, str, str], sentence: str
) -> None:
    make(kind=kind)
    name, value, weight = row
    response = post(operator, variant_name=[name], variant_value=[value], variant_weight=[weight])
    assert response.status_code == 422
    assert errors(response) == [sentence]
    assert not Setting.objects.exists()


def test_it_is_not_switched_on_without_the_variants_it_is_to_give(operator: Client) -> None:
    make(kind=FlagType.STRING)
    assert refused(operator, on="on") == ["Give it a variant before it is switched on."]
    assert refused(operator, variant_name=["a"] * 21, variant_value=["x"] * 21, variant_weight=["1"] * 21)


def test_nobody_is_both_excluded_and_named(operator: Client) -> None:
    make()
    make_user(username="ada", full_name="Ada Lovelace")
    assert refused(operator, excluded_add="ada", people_add="ada") == [
        "Ada Lovelace is both excluded and named. Take one of the two away."
    ]


def test_too_many_people_are_refused(operator: Client) -> None:
    make()
    assert refused(operator, people=sealed(range(1, 1002))) == [
        "At most 1000 people; for more, use a role or the share."
    ]
    assert "<details" in text(post(operator, do="people", people=sealed(range(1, 50)))).split('id="id_people_add"')[0]
    assert refused(operator, people_add=",".join(f"p{number}" for number in range(51))) == ["At most 50 names at once."]


def test_flags_do_not_depend_on_each_other_in_a_circle(operator: Client) -> None:
    make()
    make("middle")
    make("end")
    give("middle", needs=["end"])
    give("end", needs=["new-search"])
    assert refused(operator, needs_add="middle") == [
        "The flags would depend on each other in a circle: new-search → middle → end → new-search."
    ]
    # In the common environment there is none; it would be one here, where no own rules are.
    response = post(operator, query="?environment=default", needs_add="middle")
    assert response.status_code == 422
    assert "In production the flags would depend on each other in a circle" in text(response)


def test_a_number_nobody_was_shown_names_nobody(operator: Client) -> None:
    make()
    secret = make_user(username="zelda", full_name="Zelda Quiet")
    for forged in (str(secret.pk), f"{secret.pk}:AAAA", "\0", f"{2**70}"):
        response = post(operator, people=forged)
        assert response.status_code == 422
        assert "The list of people came back damaged." in text(response)
        assert "Zelda" not in text(response)


def test_a_role_that_is_gone_stays_until_it_is_taken_away(operator: Client) -> None:
    make()
    give("new-search", roles=[4711], share=0)
    html = text(operator.get("/flags/new-search/"))
    assert "a role that is gone (#4711)" in html
    assert post(operator, version="1", on="on", share="1", roles=["4711"]).status_code == 302
    assert saved()["roles"] == [4711]
    assert post(operator, version="2", on="on", share="1").status_code == 302
    assert saved()["roles"] == []
    assert "4711" not in text(operator.get("/flags/new-search/")).split("history-h")[0]


def test_people_are_added_and_taken_away_without_saving(operator: Client) -> None:
    make()
    ada, bo = make_user(username="ada"), make_user(username="bo")
    response = post(operator, do="people", people_add="ada, nemo", share="7", reason="half written")
    html = text(response)
    assert response.status_code == 200
    assert "Nothing of this is saved yet." in html
    assert f'name="people" value="{sealed([ada.pk])}"' in html
    # What names nobody stays to be put right, and nothing else is lost.
    assert 'name="people_add" value="nemo"' in html
    assert 'value="7"' in html
    assert "half written" in html
    assert errors(response) == ["Nobody here is called “nemo”. Write the username or the e-mail address."]
    response = post(operator, people=sealed([ada.pk, bo.pk]), drop_people=str(ada.pk))
    assert f'name="people" value="{sealed([bo.pk])}"' in text(response)
    assert not Setting.objects.exists()


def test_that_names_are_in_vain_is_said_and_mended(operator: Client) -> None:
    make()
    ada, role = make_user(username="ada"), role_named("supervisor")
    warning = "100 %: everybody gets it, named or not."
    assert warning not in text(operator.get("/flags/new-search/"))
    assert warning in text(post(operator, do="people", people_add="ada"))
    assert warning in text(post(operator, do="share", roles=[role.pk]))
    assert warning not in text(post(operator, do="people", people_add="ada", share="99.99"))
    assert warning not in text(post(operator, do="people", people_add="ada", share="x"))
    html = text(post(operator, do="only", people=sealed([ada.pk])))
    assert warning not in html
    assert 'name="share" value="0"' in html
    assert f'name="people" value="{sealed([ada.pk])}"' in html
    assert not Setting.objects.exists()
    # Saved so all the same, it says it still.
    give("new-search", people=[ada.pk])
    assert warning in text(operator.get("/flags/new-search/"))
    # A box alone is no reason to write the whole form anew.
    response = operator.post(
        "/flags/new-search/share/", {"version": "0", "share": "100", "roles": [role.pk]}, headers={"HX-Request": "true"}
    )
    assert warning in text(response)


def test_somebody_deactivated_or_gone_is_shown_as_such(operator: Client) -> None:
    make()
    ada = make_user(username="ada")
    give("new-search", people=[ada.pk, 999_999])
    User.objects.filter(pk=ada.pk).update(is_active=False)
    html = text(operator.get("/flags/new-search/"))
    assert "deactivated" in html
    assert "somebody who is gone" in html
    # Saved again they stay.
    assert post(operator, version="1", on="on", share="5", people=sealed([ada.pk, 999_999])).status_code == 302
    assert saved()["people"] == [ada.pk, 999_999]


def test_flags_are_added_and_taken_away_without_saving(operator: Client) -> None:
    make()
    make("base")
    html = text(post(operator, do="needs", needs_add="base"))
    assert 'name="needs" value="base"' in html
    assert 'name="needs" value=""' in text(post(operator, needs="base", drop_needs="base"))
    assert not Setting.objects.exists()


def test_variants_get_rows_and_even_weights(operator: Client) -> None:
    make(kind=FlagType.STRING)
    html = text(operator.get("/flags/new-search/"))
    assert html.count('name="variant_name"') == 2
    rows: dict[str, Any] = {
        "variant_name": ["a", "b", "c"],
        "variant_value": ["x", "y", "z"],
        "variant_weight": ["", "", "x"],
    }
    html = text(post(operator, do="variant", **rows))
    assert html.count('name="variant_name"') == 4
    html = text(post(operator, do="even", **rows))
    assert re.findall(r'name="variant_weight" value="([^"]*)"', html) == ["33.34", "33.33", "33.33", ""]
    assert "100 % in all" in html
    html = text(post(operator, drop_variant="1", **rows))
    assert re.findall(r'name="variant_name" value="([^"]*)"', html) == ["a", "c", ""]
    assert not Setting.objects.exists()


# Half a pair of surrogates too, as a program could send it.
JUNK = ["\0", b"\xed\xa0\xbd", "9" * 400, "-1", "1e999", "{", "x" * 30_000]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("act", ["change", "share", "test", "clear"])
def test_no_nonsense_is_ever_more_than_refused(admin: Client, act: str, junk: str | bytes) -> None:
    make(kind=FlagType.JSON)
    names = ["on", "starts", "until", "needs", "needs_add", "excluded", "excluded_add", "people", "people_add", "roles"]
    names += ["share", "variants", "variant_name", "variant_value", "variant_weight", "reason", "apply_at", "version"]
    names += ["as", "role", "drop_variant", "drop_people", "do"]
    # One form reads what all four are sent: apart from it each has what is its own, and everything at once.
    own = {"change": names, "share": ["share"], "test": ["as", "role"], "clear": ["reason", "apply_at", "version"]}
    for name in [*own[act], None]:
        data: dict[str, Any] = dict.fromkeys(names, junk) if name is None else {name: junk}
        assert post(admin, act=act, **data).status_code in {200, 302, 422}
    assert not Setting.objects.filter(value=OFF | {"on": True}).exists()


def test_a_role_deleted_while_the_form_was_open(operator: Client) -> None:
    make()
    role = Role.objects.create(name="Testers", name_key="testers", priority=15, group=Group.objects.create(name="t"))
    assert "Testers" in text(operator.get("/flags/new-search/"))
    role.delete()
    assert refused(operator, roles=[role.pk]) == ["One of the roles chosen does not exist (any more)."]
