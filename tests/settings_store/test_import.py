"""Settings come in from a file: all of it or nothing, after its author has seen what would change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from settings_store import actions, key_use
from settings_store.actions import transfer
from settings_store.models import AuditEvent, OwnSetting, Protection, Setting, SettingImport, SettingVersion
from settings_store.store import get_setting
from settings_store.transfer.passphrase import Passphrase

PASSPHRASE = "a passphrase for the suite"
NEW = reverse("settings_store:import_new")
EVERY_TYPE = """
gatehouse: settings/1
environments:
  production:
    suite.string: no
    suite.text: "two\\nlines"
    suite.integer: 70
    suite.decimal: 0.70
    suite.boolean: true
    suite.json: {mode: block, hosts: [a, b]}
    suite.url: https://example.com/
    suite.email: b@example.com
    suite.duration: 30 min
    suite.choice: "on"
  staging:
    suite.integer: 80
"""


def send(client: Client, text: str, **fields: Any) -> Any:
    return client.post(NEW, {"text": text, "environment": "production", **fields})


def detail(client: Client, text: str, **fields: Any) -> Any:
    answer = send(client, text, **fields)
    assert answer.status_code == 302, answer.content.decode()
    return client.get(answer["Location"])


def seen_in(page: Any) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', page.content.decode())
    assert found
    return found.group(1)


def apply(client: Client, page: Any, **fields: Any) -> Any:
    url = reverse("settings_store:import_apply", args=[SettingImport.objects.get().public_id])
    return client.post(url, {"seen": seen_in(page), "reason": "imported by the suite", **fields})


@pytest.fixture
def sealed(every_type: None) -> str:
    return Passphrase(PASSPHRASE).seal("wombat", key="suite.secret", environment="production")


def test_a_file_is_shown_and_then_applied_whole(admin: Client, every_type: None) -> None:
    page = detail(admin, EVERY_TYPE)

    assert "Change 11 settings" in page.content.decode()
    assert not Setting.objects.exists()
    assert apply(admin, page).status_code == 302
    assert get_setting("suite.string") == "no"
    assert get_setting("suite.text") == "two\nlines"
    assert get_setting("suite.decimal") == Decimal("0.70")
    assert get_setting("suite.json") == {"mode": "block", "hosts": ["a", "b"]}
    assert get_setting("suite.duration") == timedelta(minutes=30)
    assert SettingVersion.objects.filter(reason="imported by the suite").count() == 11
    assert not SettingImport.objects.exists()
    event = AuditEvent.objects.get(action="settings.imported")
    assert event.after == {"values": 11, "changed": 11}


def test_json_and_env_are_read_too(admin: Client, every_type: None) -> None:
    text = json.dumps({"suite.integer": 71, "suite.json": {"a": [1, 2.5, None]}, "suite.boolean": True})
    apply(admin, detail(admin, text))
    assert (get_setting("suite.integer"), get_setting("suite.json")) == (71, {"a": [1, 2.5, None]})

    env = "# a note\n\nexport GATEHOUSE_SETTING_SUITE_INTEGER=72\nGATEHOUSE_SETTING_SUITE_STRING='quiet' # words\n"
    apply(admin, detail(admin, env, environment="staging"))
    row = Setting.objects.get(key="suite.integer", environment="staging")
    assert row.value == 72


def test_a_file_is_taken_by_its_name(admin: Client, every_type: None) -> None:
    file = SimpleUploadedFile("settings.env", b"\xef\xbb\xbfGATEHOUSE_SETTING_SUITE_INTEGER=73\n")
    page = admin.post(NEW, {"file": file, "environment": "default"}, follow=True)
    assert "settings.env" in page.content.decode()
    apply(admin, page)
    assert get_setting("suite.integer") == 73


def test_what_is_so_already_is_counted_not_changed(admin: Client, every_type: None) -> None:
    actions.change_setting(actor=None, key="suite.integer", environment="production", value="70")
    page = detail(admin, "suite.integer: 70\nsuite.boolean: yes\n")
    assert "1 more setting has its value already" in page.content.decode()
    apply(admin, page)
    assert Setting.objects.get(key="suite.integer").version == 1

    assert "Nothing would change" in detail(admin, "suite.integer: 70").content.decode()


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("suite.integr: 5", "Line 1", "There is no setting &#x27;suite.integr&#x27;. Near it: suite.integer"),
        ("a: 1\n\nsuite.integer: many", "Line 3", "suite.integer: Write a whole number"),
        ("suite.integer: [1]", "Line 1", "single value, not a list"),
        ("suite.secret: opensesame", "Line 1", "suite.secret: A secret is taken only sealed"),
        ("suite.integer: 5000", "Line 1", "suite.integer: At most 1,000."),
        ('{"suite.choice": "maybe"}', "production, suite.choice", "Choose one of: off, on."),
        ("GATEHOUSE_SETTING_NOBODY=1", "Line 1", "There is no setting"),
        ("suite.string: gatehouse-sealed:1:x", "Line 1", "is no secret"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(
    admin: Client, every_type: None, text: str, place: str, words: str
) -> None:
    page = detail(admin, text).content.decode()
    assert f'<b class="nowrap">{place}</b>' in page
    assert words in page
    assert "opensesame" not in page
    assert not Setting.objects.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("suite.integer: 1\nsuite.integer: 2", "Line 2: suite.integer stands there twice."),
        ('{"suite.integer": 1, "suite.integer": 2}', "suite.integer stands there twice."),
        (
            "GATEHOUSE_SETTING_SUITE_INTEGER=1\nGATEHOUSE_SETTING_SUITE_INTEGER=2",
            "Line 2: suite.integer stands there twice for production, first at Line 1.",
        ),
        ("environments:\n  moon:\n    suite.integer: 1", "Line 2: There is no environment moon"),
        ('{"environments": {"moon": {}}}', "There is no environment moon"),
        ("suite.integer: [1", "This is not YAML."),
        ('{"suite.integer": 1,\n}', "This is not JSON."),
        ("FIRST=1\nwhat is this", "Line 2: This is not of the form NAME=value."),
        ("ONE=1\nTWO", "Line 2: TWO has no value there"),
        ("a: &x [1]\nb: *x", "Line 1: References"),
        ("suite.json: !!python/object/apply:os.system [ls]", "Line 1: Types written with !"),
        ("suite.json: " + "[" * 40 + "]" * 40, "Line 1: This is nested too deeply."),
        ('{"suite.json": ' + "[" * 100_000, "nested too deeply"),
        ("suite.json: " + "[" * 100_000, "nested too deeply"),
        ('{"suite.json": NaN}', "NaN is no value of JSON."),
        ("suite.integer:", "Line 1: suite.integer has no value there"),
        ("suite.string: a\x07b", "Line 1: This holds characters that YAML does not take."),
        ("- one\n- two", "This is not a list of settings"),
        ("a: 1\n---\nb: 2", "This is not YAML."),
        ("gatehouse: settings/9\nenvironments: {}", "Line 1: This is the format of another release."),
        ("environments: {}\nsuite.integer: 1", "Line 2: suite.integer does not belong there."),
        ("environments: {}", "There is no setting in it."),
        ("A=1" + " " * 100_000 + "b", "So many spaces in a row"),
        ('{"suite.string": "\\ud800"}', "production, suite.string: This holds characters that cannot be kept."),
        ('{"suite.\\ud800": 1}', "suite.\N{REPLACEMENT CHARACTER}: This holds characters that cannot be kept."),
        ('{"suite.\\u0000x": 1}', "suite.\N{REPLACEMENT CHARACTER}x: This holds characters that cannot be kept."),
        ('{"suite.json": {"a": ["\\ud800"]}}', "production, suite.json: This holds characters that cannot be kept."),
        ('{"suite.json": {"\\udfff": 1}}', "This holds characters that cannot be kept."),
        ('{"environments": {"\\ud800": {}}}', "This holds characters that cannot be kept."),
        ('suite.integer: 1\n"suite.\\0x": 1', "Line 2: This holds characters that cannot be kept."),
        ('suite.json: [1,\n "a\\0"]', "Line 2: This holds characters that cannot be kept."),
        ('suite.string: "\\ud800"', "This"),
        ("", "Choose a file or paste its text"),
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(admin: Client, every_type: None, text: str, words: str) -> None:
    page = send(admin, text)
    assert page.status_code == 422
    content = page.content.decode()
    assert words in content
    # What was typed stays.
    if 0 < len(text) < 100 and text.isprintable():
        assert text.split(":")[0].split("=")[0].replace('"', "&quot;").splitlines()[0] in content
    assert not SettingImport.objects.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: 1\n\xff", "Line 2 is not text in UTF-8."),
        (b"#" * 2_000_001, "at most 2 MB"),
        (b"a: 1\nb: \0", "Line 2 holds characters that cannot be kept."),
    ],
)
def test_a_broken_upload_is_refused(admin: Client, content: bytes, words: str) -> None:
    page = admin.post(NEW, {"file": SimpleUploadedFile("x.yaml", content), "environment": "default"})
    assert page.status_code == 422
    assert words in page.content.decode()


def test_an_unknown_surrogate_is_named(admin: Client) -> None:
    answer = admin.post(NEW, '{"text": "x"}', content_type="application/json")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "text",
    [
        '{"suite.secret": "opensesame"',
        "suite.secret: opensesame\nsuite.integer: [1",
        "GATEHOUSE_SETTING_SUITE_SECRET=opensesame\nwhat is this",
        '{"suite.s\\u0065cret": "opensesame"',
        '"suite.s\\x65cret": opensesame\na: [1',
        "suite.secret:\n  opensesame\n - a: [",
        "suite.secret: opensesame\0",
    ],
)
def test_a_refused_file_never_shows_a_secret_again(admin: Client, every_type: None, text: str) -> None:
    page = send(admin, text)
    assert page.status_code == 422
    content = page.content.decode()
    assert "opensesame" not in content
    assert "The text is not shown again, because it names a secret that is not sealed." in content


def test_a_refused_file_with_sealed_secrets_is_shown_again(admin: Client, sealed: str) -> None:
    content = send(admin, f"suite.secret: {sealed}\nsuite.integer: [1").content.decode()
    assert sealed in content
    assert "not shown again" not in content


def cancelled_at(statement: str) -> Any:
    """Somebody cancels the import in another window, right before this statement of ours."""

    def cancel(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(statement) and "settings_store_settingimport" in sql:
            execute("DELETE FROM settings_store_settingimport", None, False, context)
        return execute(sql, params, many, context)

    return connection.execute_wrapper(cancel)


def test_one_that_is_cancelled_while_it_is_checked_is_gone(admin: Client, every_type: None) -> None:
    page = detail(admin, "suite.integer: 70\n")
    row = SettingImport.objects.get()
    SettingImport.objects.update(checked=0)
    with cancelled_at("UPDATE"):
        answer = admin.post(reverse("settings_store:import_check", args=[row.public_id]))
    assert (answer.status_code, "Nothing at this address" in answer.content.decode()) == (404, True)

    page = detail(admin, "suite.integer: 70\n")
    row = SettingImport.objects.get()
    Protection.objects.create(key="suite.integer", by_name="somebody")
    with cancelled_at("UPDATE"):
        assert apply(admin, page).status_code == 404
    assert not Setting.objects.exists()


def test_one_whose_rules_changed_may_be_cancelled_meanwhile(admin: Client, every_type: None) -> None:
    OwnSetting.objects.create(
        key="own.number", type="integer", label="A number", category="Own", default=0, created_by_name="x"
    )
    detail(admin, "own.number: 70\n")
    row = SettingImport.objects.get()
    OwnSetting.objects.update(maximum=2)
    with cancelled_at("UPDATE"):
        assert admin.get(reverse("settings_store:import_detail", args=[row.public_id])).status_code == 404


def test_locked_immutable_and_protected_ones_say_so(
    admin: Client, every_type: None, declare: Callable[..., Any], settings: Any
) -> None:
    settings.SETTING_LOCKS = {"GATEHOUSE_SETTING_SUITE_STRING": "quiet"}
    declare("suite.fixed", type="integer", default=1, is_mutable=False)
    Protection.objects.create(key="suite.boolean", by_name="somebody")
    page = detail(admin, "suite.string: loud\nsuite.fixed: 2\nsuite.boolean: true\n").content.decode()
    assert "locked by the environment variable GATEHOUSE_SETTING_SUITE_STRING" in page
    assert "does not change while running" in page
    assert "This setting is protected; propose the change" in page
    assert "3 lines cannot be taken" in page


def test_secrets_come_in_under_their_passphrase(admin: Client, sealed: str, step_up: Callable[[Client], None]) -> None:
    text = f"suite.secret: {sealed}\n"
    answer = send(admin, text, passphrase=PASSPHRASE)
    assert "/step-up/" in admin.get(answer["Location"])["Location"]
    step_up(admin)
    page = admin.get(answer["Location"])
    assert "wombat" not in page.content.decode()
    assert "••••••••" in page.content.decode()
    assert b"wombat" not in bytes(SettingImport.objects.get().sealed)
    apply(admin, page)
    assert get_setting("suite.secret") == "wombat"


def test_applying_secrets_asks_for_the_password(admin: Client, sealed: str, step_up: Callable[[Client], None]) -> None:
    send(admin, f"suite.secret: {sealed}\n", passphrase=PASSPHRASE)
    url = reverse("settings_store:import_apply", args=[SettingImport.objects.get().public_id])
    assert "/step-up/" in admin.post(url, {"seen": "0" * 64})["Location"]
    assert not Setting.objects.exists()


def test_a_wrong_passphrase_or_place_is_refused(admin: Client, sealed: str) -> None:
    wrong = send(admin, f"suite.secret: {sealed}\n", passphrase="another passphrase").content.decode()
    assert "Line 1: suite.secret: The passphrase is not the one" in wrong
    assert "another passphrase" not in wrong
    missing = send(admin, f"suite.secret: {sealed}\n").content.decode()
    assert "give the passphrase" in missing
    moved = send(admin, f"suite.secret: {sealed}\n", passphrase=PASSPHRASE, environment="staging").content.decode()
    assert "belongs to another setting" in moved
    costly = sealed.replace(":65536:", ":1048576:")
    assert "not allowed here" in send(admin, f"suite.secret: {costly}", passphrase=PASSPHRASE).content.decode()
    short = sealed[:60]
    assert "cut short" in send(admin, f"suite.secret: {short}", passphrase=PASSPHRASE).content.decode()


def test_a_setting_changed_since_stops_it_all(admin: Client, every_type: None) -> None:
    page = detail(admin, "suite.integer: 70\nsuite.boolean: true\n")
    actions.change_setting(actor=None, key="suite.integer", environment="production", value="99")
    answer = apply(admin, page)
    assert answer.status_code == 409
    assert "Somebody changed one of these settings meanwhile" in answer.content.decode()
    assert get_setting("suite.boolean") is False
    # The fresh page shows the new state, and can be applied.
    assert "<del>99</del>" in answer.content.decode()
    assert apply(admin, answer).status_code == 302
    assert get_setting("suite.integer") == 70


def test_a_rule_that_came_since_is_named(admin: Client, every_type: None) -> None:
    page = detail(admin, "suite.integer: 70\n")
    Protection.objects.create(key="suite.integer", by_name="somebody")
    answer = apply(admin, page)
    assert answer.status_code == 409
    assert "This setting is protected" in answer.content.decode()


def test_the_reason_is_asked_for(admin: Client, every_type: None) -> None:
    actions.change_setting(
        actor=None, key="settings_store.reason_required", environment="default", value="true", reason="for the suite"
    )
    page = detail(admin, "suite.integer: 70\n")
    answer = apply(admin, page, reason="short")
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()


def test_only_its_author_sees_an_import(admin: Client, operator: Client, viewer: Client, every_type: None) -> None:
    detail(admin, "suite.integer: 70\n")
    row = SettingImport.objects.get()
    for name, method in (("detail", "get"), ("check", "post"), ("apply", "post"), ("cancel", "post")):
        url = reverse(f"settings_store:import_{name}", args=[row.public_id])
        assert getattr(operator, method)(url).status_code in (403, 404)
        assert getattr(viewer, method)(url).status_code == 403
    assert viewer.get(NEW).status_code == 403
    assert SettingImport.objects.exists()


def test_it_can_be_cancelled_and_is_forgotten_after_a_day(admin: Client, every_type: None) -> None:
    detail(admin, "suite.integer: 70\n")
    row = SettingImport.objects.get()
    assert admin.post(reverse("settings_store:import_cancel", args=[row.public_id])).status_code == 302
    assert not SettingImport.objects.exists()

    for address in (NEW, reverse("settings_store:import_detail", args=[row.public_id])):
        detail(admin, "suite.integer: 70\n")
        SettingImport.objects.update(created_at=timezone.now() - timedelta(days=2))
        admin.get(address)
        assert not SettingImport.objects.exists()


@pytest.fixture
def many(db: None) -> list[str]:
    keys = [f"many.number_{number:05}" for number in range(10_000)]
    OwnSetting.objects.bulk_create(
        [
            OwnSetting(
                key=key, type="integer", label="One of many", category="many", default=0, minimum=0, created_by_name="x"
            )
            for key in keys
        ],
        batch_size=500,
    )
    return keys


def _checked(client: Client, page: Any) -> tuple[Any, int]:
    """Press "Go on" until there is none; the last page and how often."""
    row = SettingImport.objects.get()
    presses = 0
    while "Go on" in page.content.decode():
        presses += 1
        page = client.post(reverse("settings_store:import_check", args=[row.public_id]), follow=True)
    return page, presses


def test_ten_thousand_entries_with_one_bad_line_change_nothing(admin: Client, many: list[str]) -> None:
    lines = [f"{key}: {'many' if number == 7776 else number}" for number, key in enumerate(many)]
    page, presses = _checked(admin, detail(admin, "\n".join(lines)))
    assert presses == 10
    assert "Line 7777" in page.content.decode()
    assert "One line cannot be taken" in page.content.decode()
    assert not Setting.objects.exists()


def test_ten_thousand_entries_apply_at_once(admin: Client, many: list[str]) -> None:
    page = detail(admin, "\n".join(f"{key}: {number + 1}" for number, key in enumerate(many)))
    assert 'max="10000" value="0"' in page.content.decode()
    row = SettingImport.objects.get()
    check = reverse("settings_store:import_check", args=[row.public_id])
    part = admin.post(check, headers={"HX-Request": "true"})
    assert 'max="10000" value="1000"' in part.content.decode()
    page, _presses = _checked(admin, admin.get(part.wsgi_request.path.removesuffix("check/")))
    assert "Change 10,000 settings" in page.content.decode()
    with CaptureQueriesContext(connection) as queries:
        assert apply(admin, page).status_code == 302
    # In batches: seconds for all of them, whatever the database.
    assert len(queries) < 250
    assert Setting.objects.count() == SettingVersion.objects.count() == 10_000
    assert transfer.STEP == 1000


@pytest.mark.django_db(transaction=True)
def test_an_old_one_goes_although_nobody_looks(every_type: None) -> None:
    for name in ("old", "new"):
        SettingImport.objects.create(name=name, sealed=b"", total=1, author_name="x")
    SettingImport.objects.filter(name="old").update(created_at=timezone.now() - timedelta(days=2))
    key_use._next_round = 0.0
    key_use.go_round()
    key_use.leave()
    assert [row.name for row in SettingImport.objects.all()] == ["new"]
