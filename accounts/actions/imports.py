"""People from a file: taken in, looked at line by line, brought in; both by tasks that can be gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.tasks import Task, task
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import errands, registration, rules
from accounts.actions.registration import invitation_end
from accounts.actions.user import create_user
from accounts.imports.checking import Checker, Fault, Known, Newcomer
from accounts.imports.reading import Line, Table, parsed
from accounts.mail import send_later
from accounts.models import User, UserImport
from accounts.models.bulk_act import STALLED_AFTER
from settings_store import audit, crypto
from settings_store.crypto import CannotOpen

# Lines one task looks at, and brings in, before it lets others, such as letters, have their turn.
CHECKED_AT_ONCE, MADE_AT_ONCE = 500, 100
# People made in one transaction: from the first on, the end of the trail waits for it.
TOGETHER = 10
# Of those brought in, so many have their remarks told.
REMARKED = 20
# Of one line, so many slips are told.
FAULTS = 3
# A file that nobody brings in is not kept for long: there may be password hashes in it, though sealed.
UNUSED_FOR, KEPT_FOR = timedelta(days=7), timedelta(days=180)
RIGHTS_GONE = gettext_lazy("Whoever began this import may not bring people in any more.")
FILE_GONE = gettext_lazy("What was kept of the file cannot be read any more. Choose it once more.")

State = UserImport.State


def seal_context(row: UserImport) -> str:
    return f"users-import:{row.public_id}"


@transaction.atomic
def start_import(*, actor: User, filename: str, text: str) -> UserImport:
    """Keep a file, sealed, that `parsed` could read; nothing of it is used yet."""
    row = UserImport(created_by=actor, filename=filename[:200], total=len(parsed(text).lines))
    row.sealed_file = crypto.seal(text.encode(), context=seal_context(row))
    row.save()
    return row


def begin_check(
    *, actor: User, row: UserImport, columns: Mapping[str, int], invite: bool = False, skip_known: bool = False
) -> bool:
    """Have every line looked at with these columns; answers whether it began."""
    options = {"invite": invite, "skip_known": skip_known, "around": errands.around()}
    fresh = {"state": State.CHECKING, "done": 0, "made": 0, "errors": [], "error_count": 0, "trouble": ""}
    return _begin(
        UserImport.objects.filter(pk=row.pk, state__in=[State.UPLOADED, State.CHECKED], created_by=actor),
        row,
        check_lines,
        **fresh,
        columns=dict(columns),
        options=options,
    )


def begin_import(*, actor: User, row: UserImport, leave_out: bool = False) -> bool:
    """Bring in everybody whose line is right; where some are wrong, only if these are to be left out."""
    if row.error_count and not leave_out:
        raise ValidationError(_("Some lines are wrong. Put them right, or choose to leave them out."), code="refused")
    if row.options.get("invite") and not registration.may_invite():
        raise ValidationError(_("Invitations are switched off (accounts.registration.policy)."), code="refused")
    options = {**row.options, "around": errands.around()}
    return _begin(
        UserImport.objects.filter(pk=row.pk, state=State.CHECKED, created_by=actor),
        row,
        bring_in,
        state=State.RUNNING,
        done=0,
        made=0,
        options=options,
    )


def resume_import(*, row: UserImport) -> None:
    """Go on with one whose task died; nobody is made twice."""
    if row.is_stalled:
        UserImport.objects.filter(pk=row.pk).update(touched_at=timezone.now())
        (check_lines if row.state == State.CHECKING else bring_in).enqueue(row.pk)


@transaction.atomic
def remove_import(*, actor: User, row: UserImport) -> None:
    """Forget an import that is not under way; the people who came by it stay."""
    removed = UserImport.objects.filter(pk=row.pk).exclude(state__in=[State.CHECKING, State.RUNNING]).delete()[0]
    if not removed:
        raise ValidationError(_("It is under way."), code="refused")
    audit.record(
        "users.import_removed",
        actor=actor,
        target_type="accounts.userimport",
        target_id=str(row.public_id),
        target_name=row.filename,
        before={"lines": row.total, "made": row.made},
    )


def forget_old_imports() -> None:
    """Forget files that nobody brought in, and what is long done."""
    now = timezone.now()
    idle = UserImport.objects.exclude(state__in=[State.CHECKING, State.RUNNING])
    unused = idle.exclude(state=State.DONE).filter(created_at__lt=now - UNUSED_FOR)
    old = unused | idle.filter(created_at__lt=now - KEPT_FOR)
    # Asked first, because SQLite lets one write at a time, even where nothing is to be deleted.
    if old.exists():
        old.delete()


@task
def check_lines(row_id: int) -> None:
    """Look at the next lines, and have a task go on with those after them."""
    row = UserImport.objects.filter(pk=row_id, state=State.CHECKING).first()
    if row is None:
        return
    with errands.in_name_of(row.created_by_id, row.options.get("around", {})) as actor:
        work = _work(row, actor)
        if work is None:
            return
        lines = work.table.lines[row.done : row.done + CHECKED_AT_ONCE]
        faults = _faults(work.look(lines, wrong=_wrong(row)))
        done = row.done + len(lines)
        state = State.CHECKING if done < len(work.table.lines) else State.CHECKED
        moved = UserImport.objects.filter(pk=row.pk, state=State.CHECKING, done=row.done).update(
            state=state,
            done=done,
            errors=[*row.errors, *(fault.as_json() for fault in faults)],
            error_count=row.error_count + len({fault.line for fault in faults}),
            touched_at=timezone.now(),
        )
    if moved and state == State.CHECKING:
        check_lines.enqueue(row_id)


@task
def bring_in(row_id: int) -> None:
    """Make the people of the next lines, and have a task go on with those after them."""
    row = UserImport.objects.filter(pk=row_id, state=State.RUNNING).first()
    if row is None:
        return
    with errands.in_name_of(row.created_by_id, row.options.get("around", {})) as actor:
        work = _work(row, actor)
        if work is None or actor is None:
            return
        if row.options.get("invite") and not registration.may_invite():
            _stop(row, actor, _("Invitations are switched off (accounts.registration.policy)."))
            return
        end, wrong = min(row.done + MADE_AT_ONCE, len(work.table.lines)), _wrong(row)
        for start in range(row.done, end, TOGETHER):
            # Rights end meanwhile as they do between two requests.
            actor = errands.present(actor.pk)
            if actor is None or not actor.has_perm("users.write"):
                _stop(row, actor, str(RIGHTS_GONE))
                return
            work.actor = actor
            found = _make(row, actor, work, work.table.lines[start : min(start + TOGETHER, end)], start, wrong)
            if found is None:
                # Somebody else goes on with it at this moment.
                return
            wrong |= {fault.line for fault in found}
        if end < len(work.table.lines):
            bring_in.enqueue(row_id)
        else:
            _finish(row, actor)


@task
def watch_import(row_id: int) -> None:
    """Go on with an import whose task died with its worker, as long as it is not done."""
    row = UserImport.objects.filter(pk=row_id, state__in=[State.CHECKING, State.RUNNING]).first()
    if row is None:
        return
    resume_import(row=row)
    watch_import.using(run_after=timezone.now() + STALLED_AFTER).enqueue(row_id)


def _begin(mine: QuerySet[UserImport], row: UserImport, work: Task[..., None], **changes: Any) -> bool:
    now = timezone.now()
    with transaction.atomic():
        if not mine.update(**changes, touched_at=now):
            return False
        work.enqueue(row.pk)
        watch_import.using(run_after=now + STALLED_AFTER).enqueue(row.pk)
    return True


def _work(row: UserImport, actor: User | None) -> Checker | None:
    """The file as its lines are looked at by somebody who may still do so; None where it was stopped."""
    if actor is None or not actor.has_perm("users.write"):
        _stop(row, actor, str(RIGHTS_GONE))
        return None
    try:
        table = table_of(row)
    except CannotOpen:
        _stop(row, actor, str(FILE_GONE))
        return None
    return Checker(actor, table, row.columns, skip_known=bool(row.options.get("skip_known")))


def table_of(row: UserImport) -> Table:
    """The lines of a file that is kept; raises CannotOpen where it is not, or cannot be opened any more."""
    if row.sealed_file is None:
        raise CannotOpen("The file was dropped.")
    return parsed(crypto.open_sealed(bytes(row.sealed_file), context=seal_context(row)).decode())


def _make(
    row: UserImport, actor: User, work: Checker, lines: Sequence[Line], start: int, wrong: frozenset[int]
) -> list[Fault] | None:
    """Make the people of a few lines in one transaction with the note of how far it is; None where another did."""
    with transaction.atomic():
        now = timezone.now()
        # Counted first, so that of two tasks on the same lines one waits here, and then finds them done.
        mine = UserImport.objects.filter(pk=row.pk, state=State.RUNNING, done=start)
        if not mine.update(done=start + len(lines), touched_at=now):
            return None
        rules.lock_roles()
        faults, remarks, made = list[Fault](), list[str](), 0
        for answer in work.look([line for line in lines if line.number not in wrong], wrong=wrong):
            if isinstance(answer, list):
                faults += answer
            elif isinstance(answer, Newcomer):
                try:
                    with transaction.atomic():
                        remarks += _make_one(row, actor, work, answer).remarks
                    made += 1
                except (PermissionDenied, ValidationError) as refusal:
                    sentence = " ".join(getattr(refusal, "messages", [str(refusal)]))
                    faults.append(Fault(answer.line, "", sentence))
        row.refresh_from_db(fields=["made", "errors", "error_count"])
        row.made += made
        fields = ["made"]
        if faults:
            row.errors = [*row.errors, *(fault.as_json() for fault in _first_of_each(faults))]
            row.error_count += len({fault.line for fault in faults})
            fields += ["errors", "error_count"]
        if remarks:
            told = row.options.get("remarks", [])
            row.options = {**row.options, "remarks": [*told, *remarks][:REMARKED]}
            fields.append("options")
        row.save(update_fields=fields)
    return faults


def _make_one(row: UserImport, actor: User, work: Checker, came: Newcomer) -> User:
    invite = bool(row.options.get("invite")) and not came.password and came.is_active
    person = create_user(
        actor=actor,
        username=came.username,
        email=came.email,
        full_name=came.full_name,
        supervisor=_supervisor(actor, came),
        encoded=came.password,
        must_change_password=not came.password,
        is_active=came.is_active,
        joined_by=User.JoinedBy.IMPORTED,
        invited_until=invitation_end() if invite else None,
        has_rights=any(came.further.get(column.name) for column in work.further if column.gives_rights),
    )
    for column in work.further:
        if (value := came.further.get(column.name)) is not None:
            column.give(actor, person, value)
    if invite:
        send_later("invitation", to=person)
    return person


def _supervisor(actor: User, came: Newcomer) -> User | None:
    if not came.supervisor:
        return None
    person = User.objects.named(came.supervisor).first()
    # Whom somebody makes they need not see afterwards.
    seen = person is not None and (person.created_by_id == actor.pk or _is_seen(actor, person))
    if person is None or not seen:
        raise ValidationError(_("Their supervisor was not brought in."))
    return person


def _is_seen(actor: User, person: User) -> bool:
    return User.objects.visible_to(actor).active().filter(pk=person.pk).exists()


def _finish(row: UserImport, actor: User) -> None:
    with transaction.atomic():
        ended = UserImport.objects.filter(pk=row.pk, state=State.RUNNING).update(
            state=State.DONE, finished_at=timezone.now(), sealed_file=None
        )
        if ended:
            _record(row, actor)


def _stop(row: UserImport, actor: User | None, sentence: str) -> None:
    was_running = row.state == State.RUNNING
    with transaction.atomic():
        ended = UserImport.objects.filter(pk=row.pk, state=row.state).update(
            state=State.FAILED, finished_at=timezone.now(), sealed_file=None, trouble=sentence[:500]
        )
        if ended and was_running:
            _record(row, actor or row.created_by, reason=sentence)


def _record(row: UserImport, actor: User | None, reason: str = "") -> None:
    row.refresh_from_db(fields=["made", "error_count", "done"])
    facts = {"lines": row.total, "done": row.done, "made": row.made, "wrong": row.error_count}
    audit.record(
        "users.imported",
        actor=actor,
        target_type="accounts.userimport",
        target_id=str(row.public_id),
        target_name=row.filename,
        after={**facts, "invited": bool(row.options.get("invite"))},
        reason=reason,
    )


def _faults(answers: list[Newcomer | Known | list[Fault]]) -> list[Fault]:
    return _first_of_each([fault for answer in answers if isinstance(answer, list) for fault in answer])


def _first_of_each(faults: list[Fault]) -> list[Fault]:
    kept, count = list[Fault](), dict[int, int]()
    for fault in faults:
        count[fault.line] = count.get(fault.line, 0) + 1
        if count[fault.line] <= FAULTS:
            kept.append(fault)
    return kept


def _wrong(row: UserImport) -> frozenset[int]:
    return frozenset(error[0] for error in row.errors)
