"""Letters to people: each kind is a function that writes one, and all go out by the queue of tasks.

What waits in the queue holds no secret: a link with a token is made at the moment its letter is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import Q
from django.tasks import TaskResultStatus, task
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django_tasks_db.models import DBTaskResult

from accounts.errands import as_read_by
from accounts.models import User

# Minutes until a letter that could not be handed over is tried again, each time longer; then it is given up.
TRIES = (1, 5, 30, 120)
# What was done is forgotten after some days, a few rows with each letter, what came to nothing after a month.
DONE_DAYS, FAILED_DAYS, SWEEP = 7, 30, 50

logger = structlog.get_logger(__name__)


class NotSent(Exception):
    """A letter of this kind was given up after its last try; why stands in the log."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one says: a subject, paragraphs, and at most one link with the words on its button."""

    subject: str
    paragraphs: Sequence[str]
    label: str = ""
    url: str = ""


# Takes the person, or None where the letter goes to an address that is nobody's, and the facts; None writes nothing.
type Writer = Callable[..., Letter | None]

_writers: dict[str, Writer] = {}


def letter(kind: str) -> Callable[[Writer], Writer]:
    """Declare the function that writes letters of this kind."""

    def keep(writer: Writer) -> Writer:
        if kind in _writers:
            raise ValueError(f"two functions write letters of the kind {kind}")
        _writers[kind] = writer
        return writer

    return keep


def send_later(kind: str, *, to: User | None = None, address: str = "", **facts: Any) -> None:
    """Put a letter into the queue, within the transaction of the act it tells of: rolled back, nothing is sent.

    It goes to the address the person has when it is sent, or to `address`. `facts` is plain JSON without any secret.
    """
    if kind not in _writers:
        raise LookupError(f"nobody writes letters of the kind {kind}")
    deliver.enqueue(kind, to.pk if to is not None else None, address, facts)


def absolute(path: str) -> str:
    """The address of a page of this installation, for somebody who reads it elsewhere (PUBLIC_URL)."""
    return str(settings.PUBLIC_URL).rstrip("/") + path


def link(url_name: str, token: str) -> str:
    """The address of a page that takes a token; behind the question mark, for no log keeps what stands there."""
    return absolute(f"{reverse(url_name)}?{urlencode({'token': token})}")


def is_sent() -> bool:
    """Whether letters leave this machine; else they are written into a folder of the installation (EMAIL_URL)."""
    return not str(settings.MAILERS["default"]["BACKEND"]).endswith("filebased.EmailBackend")


@task
def deliver(kind: str, user_id: int | None, address: str, facts: dict[str, Any], tried: int = 0) -> None:
    """Write and send one letter; one that cannot be handed over now is tried again later."""
    person = User.objects.filter(pk=user_id).first() if user_id is not None else None
    if user_id is not None and person is None:
        return
    with as_read_by(person):
        written = _writers[kind](person, **facts)
        if written is None:
            return
        message = _message(written, to=address or (person.email if person else ""))
    try:
        message.send()
    except (OSError, SMTPException, UnicodeError) as trouble:
        # The answer of a server may quote the letter.
        logger.warning("mail_not_sent", kind=kind, tried=tried + 1, error=type(trouble).__name__)
        if tried >= len(TRIES):
            raise NotSent(kind) from None
        later = timezone.now() + timedelta(minutes=TRIES[tried])
        deliver.using(run_after=later).enqueue(kind, user_id, address, facts, tried + 1)
    _sweep()


def _sweep() -> None:
    """Forget a few of the tasks of this floor that were done long ago; each names who got a letter."""
    now, mine = timezone.now(), DBTaskResult.objects.filter(task_path__startswith="accounts.")
    over = Q(status=TaskResultStatus.SUCCESSFUL, finished_at__lt=now - timedelta(days=DONE_DAYS)) | Q(
        status=TaskResultStatus.FAILED, finished_at__lt=now - timedelta(days=FAILED_DAYS)
    )
    # MariaDB takes no limit inside a subquery.
    DBTaskResult.objects.filter(pk__in=list(mine.filter(over).order_by().values_list("pk", flat=True)[:SWEEP])).delete()


def _message(written: Letter, *, to: str) -> EmailMultiAlternatives:
    context = {"letter": written}
    text = render_to_string("accounts/mail/letter.txt", context)
    message = EmailMultiAlternatives(" ".join(written.subject.split()), text, to=[to])
    message.attach_alternative(render_to_string("accounts/mail/letter.html", context), "text/html")
    return message
