"""Letters on their way: by a real mail server, one that is away, and one that never comes back."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail as django_mail
from django.db import transaction
from django.tasks import TaskResultStatus
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts import mail
from accounts.mail_health import mail_trouble
from accounts.models import User
from tests.factories import make_user

type Post = Callable[[], list[object]]

SERVER = """
import sys, itertools
from aiosmtpd.controller import Controller
from pathlib import Path
folder, port, refuse = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
number = itertools.count()
class Keep:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if refuse:
            return "550 No such mailbox: canary-in-the-answer"
        envelope.rcpt_tos.append(address)
        return "250 OK"
    async def handle_DATA(self, server, session, envelope):
        name = folder / f"{next(number)}.eml"
        name.with_suffix(".part").write_bytes(envelope.content)
        name.with_suffix(".part").rename(name)
        return "250 OK"
controller = Controller(Keep(), hostname="127.0.0.1", port=port)
controller.start()
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def mail_server(folder: Path, port: int, *, refuse: bool = False) -> Iterator[None]:
    """A process that speaks SMTP and keeps each letter as a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(folder), str(port), "yes" if refuse else ""],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port, to which letters go."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    options = {"host": "127.0.0.1", "port": number, "timeout": 5}
    mailers = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}}
    monkeypatch.setattr(settings, "MAILERS", mailers)
    return number


def received(folder: Path) -> list[EmailMessage]:
    files = sorted(folder.glob("*.eml"), key=lambda file: int(file.stem))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def due_now() -> None:
    """Let the time pass that a letter waits for its next try."""
    DBTaskResult.objects.filter(status=TaskResultStatus.READY).update(run_after=timezone.now())


def announce(person: User) -> None:
    with transaction.atomic():
        mail.send_later("password_changed", to=person)


def test_a_letter_arrives_as_text_and_html(person: User, port: int, post: Post, tmp_path: Path) -> None:
    with mail_server(tmp_path, port):
        announce(person)
        post()
    (letter,) = received(tmp_path)
    assert letter["To"] == "Ana.Ruiz@example.org"
    assert letter["Subject"] == "Your password was changed"
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "the password of your account" in text.get_content()
    assert "http://localhost:8000/password/forgotten/" in text.get_content()
    assert '<a href="http://localhost:8000/password/forgotten/">Choose a new password</a>' in html.get_content()
    assert "http://localhost:8000" in html.get_content()
    # Nothing is fetched when it is opened.
    assert "<img" not in html.get_content()
    assert "src=" not in html.get_content()


def test_one_whose_server_is_away_is_sent_once_it_is_back(person: User, port: int, post: Post, tmp_path: Path) -> None:
    announce(person)
    post()
    waiting = DBTaskResult.objects.get(status=TaskResultStatus.READY)
    assert timedelta(seconds=50) < waiting.run_after - timezone.now() < timedelta(seconds=61)
    # Not before its time.
    post()
    assert DBTaskResult.objects.get(status=TaskResultStatus.READY) == waiting
    due_now()
    with mail_server(tmp_path, port):
        post()
    assert len(received(tmp_path)) == 1
    assert mail_trouble() == ""


def test_one_that_is_refused_is_given_up_after_its_tries(
    person: User, port: int, post: Post, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server(tmp_path, port, refuse=True):
        announce(person)
        for _ in range(len(mail.TRIES) + 1):
            due_now()
            post()
    assert received(tmp_path) == []
    failed = DBTaskResult.objects.get(status=TaskResultStatus.FAILED)
    assert not DBTaskResult.objects.filter(status=TaskResultStatus.READY).exists()
    # What the server said may quote the letter, and is kept nowhere.
    assert "canary" not in failed.traceback
    assert "canary" not in caplog.text
    assert "1 letter of the last week could not be sent" in mail_trouble()


def test_no_name_adds_a_header_or_a_reader(admin: User, port: int, post: Post, tmp_path: Path) -> None:
    evil = "Mal\r\nBcc: all@example.org\r\n\r\n<b>bold</b>"
    User.objects.filter(pk=admin.pk).update(full_name=(evil + " x" * 60)[:150])
    admin.refresh_from_db()
    guest = make_user(email="yuki@example.org", created_by=admin, invited_until=timezone.now() + timedelta(days=2))
    with mail_server(tmp_path, port):
        with transaction.atomic():
            mail.send_later("invitation", to=guest)
            mail.send_later("password_changed", to=admin)
        post()
    invitation, changed = received(tmp_path)
    for letter in (invitation, changed):
        assert letter["Bcc"] is None
        assert letter["To"].count("@") == 1
        html = letter.get_body(("html",))
        assert html is not None
        assert "<b>bold" not in html.get_content()
    assert len(invitation["Subject"]) < 100
    assert "Bcc: all@example.org" in invitation["Subject"]


def test_what_is_rolled_back_is_not_sent(person: User, post: Post) -> None:
    with transaction.atomic():
        mail.send_later("password_changed", to=person)
        transaction.set_rollback(True)
    post()
    assert django_mail.outbox == []


def test_what_was_sent_is_forgotten_after_some_days(person: User, post: Post) -> None:
    announce(person)
    post()
    old = timezone.now() - timedelta(days=mail.DONE_DAYS, minutes=1)
    DBTaskResult.objects.update(finished_at=old)
    kept = DBTaskResult.objects.get()
    announce(person)
    post()
    assert not DBTaskResult.objects.filter(pk=kept.pk).exists()
    assert DBTaskResult.objects.count() == 1


def test_letters_that_wait_for_a_worker_are_to_be_seen(person: User) -> None:
    announce(person)
    assert mail_trouble() == ""
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(minutes=11))
    assert "is a worker running" in mail_trouble()


def test_that_nothing_is_sent_is_to_be_seen(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = {"default": {"BACKEND": "django.core.mail.backends.filebased.EmailBackend"}}
    monkeypatch.setattr(settings, "MAILERS", backend)
    assert "sent to nobody (EMAIL_URL)" in mail_trouble()
