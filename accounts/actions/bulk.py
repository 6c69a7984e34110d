"""Acts upon many people, each in a transaction of its own, and the note that the list was taken out as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F
from django.tasks import task
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import bulk, errands
from accounts.models import BulkAct, User
from accounts.models.bulk_act import STALLED_AFTER
from settings_store import audit
from ui.forms import sentence_of
from ui.registry import UserAct

# People one task does before it lets others, such as letters, have their turn.
SLICE = 100
# What was asked for or done is forgotten after so long; the trail keeps what happened.
KEPT_FOR = timedelta(days=30)


@transaction.atomic
def record_export(*, actor: User, count: int, filters: Mapping[str, str]) -> None:
    """Note that the people under these filters left as a file."""
    audit.record(
        "users.exported", actor=actor, target_type="accounts.user", after={"count": count, "filters": dict(filters)}
    )


@transaction.atomic
def ask_act(
    *,
    actor: User,
    act: UserAct,
    people: Sequence[int],
    left_out: int = 0,
    back: str = "",
    preset: Mapping[str, str] | None = None,
) -> BulkAct:
    """Keep who is meant until it is confirmed; nothing is done yet.

    `back` is the address of the list they were chosen on; `preset` fills in the form.
    """
    chosen = list(people)[: bulk.MOST]
    return BulkAct.objects.create(
        act=act.name,
        created_by=actor,
        people=chosen,
        total=len(chosen),
        left_out=left_out,
        query=bulk.way_back(back),
        fields={name: [value] for name, value in (preset or {}).items()},
    )


def forget_old_acts() -> None:
    """Forget what was asked for or done long ago."""
    old = BulkAct.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    # Asked first, because SQLite lets one write at a time, even where nothing is to be deleted.
    if old.exists():
        old.delete()


def begin_act(*, actor: User, row: BulkAct, form: Any = None) -> bool:
    """Do it, at once where it concerns few; confirmed twice, it begins once. Answers whether it began."""
    now = timezone.now()
    fields = bulk.kept_fields(form) if form is not None else {}
    with transaction.atomic():
        began = BulkAct.objects.filter(pk=row.pk, created_by=actor, state=BulkAct.State.ASKED).update(
            state=BulkAct.State.RUNNING, fields=fields, around=errands.around(), touched_at=now
        )
        if not began:
            return False
        if row.total > bulk.AT_ONCE:
            carry_on.enqueue(row.pk)
            watch.using(run_after=now + STALLED_AFTER).enqueue(row.pk)
    if row.total <= bulk.AT_ONCE:
        _do_some(row.pk, bulk.AT_ONCE)
    return True


def resume_act(*, row: BulkAct) -> None:
    """Go on with one whose task died; nobody is done twice."""
    if row.is_stalled:
        BulkAct.objects.filter(pk=row.pk).update(touched_at=timezone.now())
        carry_on.enqueue(row.pk)


@task
def carry_on(row_id: int) -> None:
    """The next people of an act, and after them a task for those that follow."""
    _do_some(row_id, SLICE)
    if BulkAct.objects.filter(pk=row_id, state=BulkAct.State.RUNNING).exists():
        carry_on.enqueue(row_id)


@task
def watch(row_id: int) -> None:
    """Go on with an act whose task died with its worker, as long as it is not done."""
    row = BulkAct.objects.filter(pk=row_id, state=BulkAct.State.RUNNING).first()
    if row is None:
        return
    resume_act(row=row)
    watch.using(run_after=timezone.now() + STALLED_AFTER).enqueue(row_id)


def _do_some(row_id: int, most: int) -> None:
    row = BulkAct.objects.filter(pk=row_id, state=BulkAct.State.RUNNING).first()
    if row is None:
        return
    with errands.in_name_of(row.created_by_id, row.around) as actor:
        act = bulk.found(actor, row.act) if actor is not None else None
        if actor is None or act is None:
            _stop(row, _("Whoever asked for it may not do this any more."))
            return
        form = bulk.form_of(act, actor, bulk.fields_of(row))
        if form is not None and not form.is_valid():
            _stop(row, " ".join(str(error) for errors in form.errors.values() for error in errors))
            return
        details = form.cleaned_data if form is not None else {}
        for number, key in enumerate(row.people[row.done : row.done + most], row.done):
            # Rights end between two people as they do between two requests.
            actor = errands.present(actor.pk)
            if actor is None or bulk.found(actor, row.act) is None:
                _stop(row, _("Whoever asked for it may not do this any more."))
                return
            person = User.objects.visible_to(actor).filter(pk=key).first()
            if not _do_one(row, number, act, actor, person, details):
                # Somebody else goes on with it at this moment.
                return
        BulkAct.objects.filter(pk=row.pk, state=BulkAct.State.RUNNING, done__gte=F("total")).update(
            state=BulkAct.State.DONE
        )


def _do_one(
    row: BulkAct, number: int, act: UserAct, actor: User, person: User | None, details: Mapping[str, Any]
) -> bool:
    """Count this person and act upon them in one transaction, so that neither happens without the other."""
    with transaction.atomic():
        mine = BulkAct.objects.filter(pk=row.pk, done=number, state=BulkAct.State.RUNNING)
        if not mine.update(done=number + 1, touched_at=timezone.now()):
            return False
        try:
            if person is None:
                raise PermissionDenied(_("You cannot see this person any more."))  # noqa: TRY301 - told like the others
            with transaction.atomic():
                act.act(actor, person, **details)
        except (PermissionDenied, ValidationError) as refusal:
            row.refresh_from_db(fields=["refused", "refused_count"])
            row.refused_count += 1
            if len(row.refused) < bulk.MOST_TOLD:
                row.refused.append([str(person) if person else "–", sentence_of(refusal)[:500]])
            row.save(update_fields=["refused", "refused_count"])
    return True


def _stop(row: BulkAct, sentence: str) -> None:
    BulkAct.objects.filter(pk=row.pk, state=BulkAct.State.RUNNING).update(
        state=BulkAct.State.FAILED, trouble=sentence[:500]
    )
