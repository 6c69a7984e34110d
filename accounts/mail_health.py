"""What /readyz says of letters: whether they leave at all, wait too long, or came to nothing."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.tasks import TaskResultStatus
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_tasks_db.models import DBTaskResult, get_date_max

from accounts import mail

# A worker looks every second; what waits so long waits for one.
WAITED = timedelta(minutes=10)
REMEMBERED = timedelta(days=7)
LETTERS = {"task_path": mail.deliver.module_path}


def mail_trouble() -> str:
    return " ".join(filter(None, (_waiting(), _given_up(), _kept())))


def _waiting() -> str:
    since = timezone.now() - WAITED
    due = DBTaskResult.objects.filter(**LETTERS, status=TaskResultStatus.READY).filter(
        Q(run_after=get_date_max(), enqueued_at__lt=since) | Q(run_after__lt=since)
    )
    count = due.count()
    words = ngettext(
        "%(count)d letter waits to be sent: is a worker running (manage.py db_worker)?",
        "%(count)d letters wait to be sent: is a worker running (manage.py db_worker)?",
        count,
    )
    return words % {"count": count} if count else ""


def _given_up() -> str:
    since = timezone.now() - REMEMBERED
    count = DBTaskResult.objects.filter(**LETTERS, status=TaskResultStatus.FAILED, finished_at__gt=since).count()
    words = ngettext(
        "%(count)d letter of the last week could not be sent.",
        "%(count)d letters of the last week could not be sent.",
        count,
    )
    return words % {"count": count} if count else ""


def _kept() -> str:
    return "" if mail.is_sent() else _("Letters are kept in a folder of this server and sent to nobody (EMAIL_URL).")
