"""The rules of a flag as a document: what is one, in which one form it is kept, and what evaluation makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from settings_store.flag.compiling import compiled, connect
from settings_store.flag.evaluation import Flag, Reason, Variant, decide, person
from settings_store.flag.rules import (
    KEY,
    MOST_NEEDS,
    MOST_PEOPLE,
    MOST_VARIANTS,
    OFF,
    VALUE_DEPTH,
    FlagType,
    check,
    check_value,
    circle,
    in_words,
    per_cent,
    points,
)
from settings_store.kept import flag_definition
from settings_store.models import Flag as FlagRow
from settings_store.models import Setting, SettingVersion

DAY = "2026-11-20T08:00:00Z"


def variant(name: str = "one", value: Any = "x", weight: Any = 10_000) -> dict[str, Any]:
    return {"name": name, "value": value, "weight": weight}


def sentence(document: Any, kind: FlagType = FlagType.BOOLEAN) -> str:
    with pytest.raises(ValidationError) as caught:
        check(document, kind)
    assert len(caught.value.messages) == 1
    return caught.value.messages[0]


def test_what_is_left_out_is_as_in_a_flag_that_is_off() -> None:
    assert check({}, FlagType.BOOLEAN) == OFF
    assert check({"on": True}, FlagType.BOOLEAN) == OFF | {"on": True}


def test_a_document_has_one_form_whatever_order_it_was_written_in() -> None:
    one = check({"people": [3, 1, 3], "roles": [2, 2], "needs": ["b", "a", "b"], "excluded": [9, 8]}, FlagType.BOOLEAN)

    assert (one["people"], one["roles"], one["needs"], one["excluded"]) == ([1, 3], [2], ["a", "b"], [8, 9])
    assert check(one, FlagType.BOOLEAN) == one
    assert list(one) == list(OFF)


@pytest.mark.parametrize("document", [None, [], "on", 1, True, {"onn": True}, {"on": True, "owner": "ana"}])
def test_anything_else_is_no_document(document: Any) -> None:
    assert sentence(document) == "This is not a document of the rules of a flag."


@pytest.mark.parametrize("on", ["true", 1, None, []])
def test_on_is_true_or_false(on: Any) -> None:
    assert sentence({"on": on}) == "“on” is true or false."


@pytest.mark.parametrize("name", ["people", "roles", "excluded"])
@pytest.mark.parametrize("ids", [["3"], [0], [-1], [True], [1.0], [2**53], [[3]], "3", {"3": 3}, None])
def test_people_and_roles_are_primary_keys(name: str, ids: Any) -> None:
    assert "are named by their numbers" in sentence({name: ids})


def test_there_are_bounds_to_how_many() -> None:
    assert check({"people": list(range(1, MOST_PEOPLE + 1))}, FlagType.BOOLEAN)["people"][-1] == MOST_PEOPLE
    assert "use a role or the share" in sentence({"people": list(range(1, MOST_PEOPLE + 2))})
    assert "at most 5 others" in sentence({"needs": [f"n{number}" for number in range(MOST_NEEDS + 1)]})
    many = [variant(f"v{number}", "x", 0) for number in range(MOST_VARIANTS + 1)]
    assert sentence({"variants": many}, FlagType.STRING) == "At most 20 variants."


def test_nobody_is_excluded_and_targeted_at_once() -> None:
    assert sentence({"people": [3, 4], "excluded": [4]}) == "Somebody is excluded and targeted at once (4)."


@pytest.mark.parametrize("share", [-1, 10_001, 12.5, "2500", True, None])
def test_a_share_is_whole_basis_points(share: Any) -> None:
    assert "from 0 to 10000" in sentence({"share": share})


@pytest.mark.parametrize(
    ("variants", "said"),
    [
        ([variant(weight=9_999)], "The weights add up to 99.99 % instead of 100 %."),
        ([variant(weight=6_000), variant("two", weight=6_000)], "The weights add up to 120 % instead of 100 %."),
        ([variant(weight=5_000), variant(weight=5_000)], "Two variants are named “one”."),
        ([variant("")], "A variant needs a name of at most 60 characters."),
        ([variant(" \t")], "A variant needs a name of at most 60 characters."),
        ([variant("n" * 61)], "A variant needs a name of at most 60 characters."),
        ([variant("a\nb")], "A variant needs a name of at most 60 characters."),
        ([{"name": "one", "value": "x"}], "Each variant has a name, a value and a weight."),
        (["one"], "Each variant has a name, a value and a weight."),
        ([variant(value=5)], "The value of a variant is a text of at most 5000 characters."),
        ([variant(value="x" * 5_001)], "The value of a variant is a text of at most 5000 characters."),
    ],
)
def test_each_fault_of_variants_has_its_sentence(variants: Any, said: str) -> None:
    assert sentence({"variants": variants}, FlagType.STRING) == said


@pytest.mark.parametrize(
    "value", ["12", True, None, [1], 2**53, -(2**53), float(2**60), float("nan"), float("inf"), 10**400]
)
def test_a_number_is_a_number_that_every_database_keeps(value: Any) -> None:
    assert sentence({"variants": [variant(value=value)]}, FlagType.NUMBER).endswith("a number such as 12 or 0.75.")


def test_a_flag_that_is_on_or_off_has_no_variants_and_any_other_needs_one_to_be_on() -> None:
    assert sentence({"variants": [variant()]}) == "A flag that is on or off has no variants."
    assert sentence({"on": True}, FlagType.JSON) == "Give it a variant before it is switched on."
    assert check({"on": False}, FlagType.JSON) == OFF


@pytest.mark.parametrize("time", ["2026-11-20", "2026-11-20T08:00:00+01:00", "2026-13-20T08:00:00Z", "soon", 0, ""])
def test_times_are_in_utc_to_the_second(time: Any) -> None:
    assert sentence({"from": time}) == "A time is written such as 2026-11-20T08:00:00Z."


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_no_time_is_so_far_away_that_a_time_zone_has_it_not(time: str) -> None:
    assert sentence({"until": time}) == "Give a day of the years 1970 to 2999."


def test_the_first_second_of_all_is_an_end_too() -> None:
    document = check({"on": True, "until": "1970-01-01T00:00:00Z"}, FlagType.BOOLEAN)
    assert decide(compiled("a", FlagType.BOOLEAN, document), person(1)).reason is Reason.OVER


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": ["\ud800"]}, "The value holds characters that cannot be kept."),
        ({"\udfff": 1}, "The value holds characters that cannot be kept."),
        (["\0"], "The value holds characters that cannot be kept."),
        ([2**53], "This number is too large."),
        ({"a": -(10**400)}, "This number is too large."),
        ([float("nan")], "NaN and infinity are no numbers."),
        (float("inf"), "NaN and infinity are no numbers."),
        (json.loads("[" * 1000 + "]" * 1000), "This is nested too deeply."),
    ],
)
def test_a_value_of_json_can_be_kept_and_shown(value: Any, said: str) -> None:
    assert sentence({"variants": [variant(value=value)]}, FlagType.JSON) == said


@pytest.mark.parametrize("value", ["\ud800", "\0"])
def test_a_text_can_be_kept_and_shown(value: str) -> None:
    assert sentence({"variants": [variant(value=value)]}, FlagType.STRING).startswith("The value holds characters")


def nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


def test_what_a_variant_may_hold_its_whole_document_may() -> None:
    with pytest.raises(ValidationError, match="nested too deeply"):
        check_value(nested(VALUE_DEPTH + 1), FlagType.JSON)
    check_value(nested(VALUE_DEPTH), FlagType.JSON)
    long = [variant(f"v{number}", "\n" * 5000, 500) for number in range(MOST_VARIANTS)]
    people = list(range(2**52, 2**52 + MOST_PEOPLE))
    definition = flag_definition(FlagRow(key="a", type="string"))
    text = json.dumps(check({"variants": long, "people": people, "excluded": [1]}, FlagType.STRING))
    assert definition.clean(text)["people"] == people


@pytest.mark.parametrize("until", [DAY, "2026-11-20T07:59:59Z", "2025-12-31T23:00:00Z"])
def test_from_lies_before_until(until: str) -> None:
    assert sentence({"from": DAY, "until": until}) == "“From” must lie before “until”."


@pytest.mark.parametrize("key", ["New", "new search", "new_", "-new", "", "n" * 61, "naïve", "a\n", 3])
def test_what_it_needs_is_named_by_keys(key: Any) -> None:
    assert sentence({"needs": [key]}) == "The flags it depends on are named by their keys."


@given(share=st.integers(0, 10_000))
def test_a_percentage_reads_as_it_is_written(share: int) -> None:
    assert points(per_cent(share)) == share
    assert points(per_cent(share).replace(".", ",").removesuffix(" %")) == share


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("100.01", "At most 100 %; this is 100.01 %."),
        ("250", "At most 100 %; this is 250 %."),
        *(
            (text, "Write a percentage from 0 to 100 with at most two decimals, such as 12.5.")
            for text in ("", "12.345", "-1", "1e2", "half", "12.", ".5", "٣")
        ),
    ],
)
def test_a_percentage_that_is_none_is_told_why(text: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        points(text)
    assert caught.value.messages == [said]


@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*OFF, "name", "value", "weight"]), inner),
        max_leaves=20,
    ),
    kind=st.sampled_from(FlagType),
)
def test_whatever_is_given_is_a_document_or_told_in_one_sentence(document: Any, kind: FlagType) -> None:
    messages, kept = [], OFF
    try:
        kept = check(document, kind)
    except ValidationError as error:
        messages = error.messages
    assert len(messages) <= 1
    if not messages:
        assert check(kept, kind) == kept
        assert compiled("any", kind, kept).share == kept["share"]
        assert in_words(kept)


def test_evaluation_gets_what_the_document_says() -> None:
    document = check(
        {
            "on": True,
            "excluded": [1],
            "people": [2],
            "roles": [7],
            "share": 0,
            "variants": [variant("short", "Be brief.", 4_000), variant("long", "Explain.", 6_000)],
            "from": DAY,
            "until": "2026-11-21T08:00:00Z",
        },
        FlagType.STRING,
    )

    flag = compiled("prompt-style", FlagType.STRING, document)

    assert flag.ends - flag.starts == 86_400
    assert flag.variants == (Variant("short", "Be brief.", 4_000), Variant("long", "Explain.", 6_000))
    flag.starts = flag.ends = 0
    reasons = [
        decide(flag, person(pk, frozenset(roles))).reason for pk, roles in ((1, [7]), (2, []), (3, [7]), (3, []))
    ]
    assert reasons == [Reason.EXCLUDED, Reason.PERSON, Reason.ROLE, Reason.BEYOND]


@pytest.mark.parametrize(
    ("needs", "way"),
    [
        ({"a": []}, []),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, []),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, []),
        ({"a": ["gone"]}, []),
    ],
)
def test_a_circle_is_told_by_its_way(needs: dict[str, list[str]], way: list[str]) -> None:
    assert circle("a", lambda key: needs.get(key, [])) == way


VALUES = [0.1, 1e-7, 0.30000000000000004, 2**53 - 1, -(2**53 - 1), 0, 12.5, 1e15 + 0.5]
NESTED = {"numbers": VALUES, "words": ["", "Größe 🦉", "𝒳", 'a"b\\c\n', "</script>"], "deep": [[[{"a": {"": None}}]]]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "value"),
    [*(("number", value) for value in VALUES), ("string", "Größe 🦉 'n\\n\"\n\t%s"), ("json", NESTED), ("json", None)],
)
def test_every_database_gives_a_document_back_as_it_was(
    kind: str, value: Any, make_flag: Callable[..., FlagRow]
) -> None:
    make_flag("kept", kind, on=True, people=[2**53 - 1], variants=[variant("Zoë", value)], until=DAY)

    row, version = Setting.objects.get(key="flag:kept"), SettingVersion.objects.get(setting__key="flag:kept")

    wanted = check(
        {"on": True, "people": [2**53 - 1], "variants": [variant("Zoë", value)], "until": DAY}, FlagType(kind)
    )
    for found in (row.value, version.value):
        assert check(found, FlagType(kind)) == wanted
        got = check(found, FlagType(kind))["variants"][0]["value"]
        assert (type(got), got) == (type(value), value)


@given(key=st.from_regex(KEY, fullmatch=True))
def test_a_key_is_small_letters_digits_and_single_marks_between(key: str) -> None:
    assert key == key.lower()
    assert key.isascii()
    assert key[0].isalpha()
    assert key[-1].isalnum()


def test_a_long_chain_of_flags_is_connected_at_once() -> None:
    count = 1500
    needs = {f"f{number}": [f"f{number + 1}"] for number in range(count)} | {f"f{count}": []}
    flags = {key: Flag(key) for key in needs}
    asked = list[str]()

    def needs_of(key: str) -> list[str]:
        asked.append(key)
        return needs[key]

    connect(flags, needs_of)
    # Once each: walking the way of every flag anew would ask half a million times.
    assert sorted(asked) == sorted(flags)
    assert flags["f0"].needs == (flags["f1"],)
    assert flags[f"f{count}"].needs == ()
    assert circle("f0", lambda key: needs[key]) == []
    needs[f"f{count}"] = ["f0"]
    assert len(circle("f0", lambda key: needs[key])) == count + 2


def test_what_leads_into_a_circle_is_never_on() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": ["b"], "d": ["gone"], "e": []}
    flags = {key: Flag(key, is_on=True, share=10_000) for key in needs}
    connect(flags, lambda key: needs[key])
    assert {key for key, flag in flags.items() if flag.needs is None} == {"a", "b", "c"}
    assert [key for key, flag in flags.items() if decide(flag, person(1)).is_on] == ["e"]
