"""Deciding about the lines of an access review: about one in its row or on a page of its own, and about many."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.http import HtmxHttpRequest
from rbac import actions
from rbac.forms.review import DecisionForm
from rbac.models import Review, ReviewItem, Standing
from rbac.reviews.listing import Asked, asked_of, read_line
from rbac.role_map import current_role_map
from rbac.rules import weighs
from rbac.views.review import MOST, MOST_TAKEN, found_review, frame, may_decide, told
from ui.forms import form_status, posted, require_page_methods, sentence_of, uuid_of
from ui.guard import ask_step_up, requires, stepped_up

# People that the page which asks for a yes names.
NAMED = 8
# Refusals that are told one by one.
MOST_TOLD = 200

Decision = ReviewItem.Decision


@requires("roles.read", also="users.write", in_person=True)
@require_page_methods
def review_line(request: HtmxHttpRequest, review_id: UUID, line_id: UUID) -> HttpResponse:
    """One line: confirm the assignment or take it away, with a note; by htmx in its row."""
    review = found_review(request, review_id)
    item = _item(request, review, line_id)
    form = DecisionForm(posted(request), initial={"decision": Decision.REVOKED})
    error = ""
    if form.is_valid():
        if _takes_power(review, [item.pk], form.cleaned_data["decision"]) and not stepped_up(request):
            return ask_step_up(request)
        try:
            standing, edition = _seen(request.GET.get("seen", ""))
            actions.decide_line(actor=request.user, line=item, seen=standing, seen_edition=edition, **form.cleaned_data)
        except ValidationError as refusal:
            error = sentence_of(refusal)
        else:
            if not request.htmx:
                told(request, form.cleaned_data["decision"], 1)
                return redirect(_back(review, asked_of(review, request.user, _carried(request.GET))))
    if request.htmx:
        return _row(request, review, item, form, error)
    line = read_line(review, request.user, item, may_decide=review.is_running)
    context = {
        **frame(request, review),
        "line": line,
        "form": form,
        "error": error,
        "back": _back(review, asked_of(review, request.user, _carried(request.GET))),
    }
    return render(request, "rbac/review_line.html", context, status=409 if error else form_status(form))


@requires("roles.read", also="users.write", in_person=True)
@require_POST
def review_decide(request: HtmxHttpRequest, review_id: UUID) -> HttpResponse:
    """Many lines: those ticked, or all that the filters of the page show; taking away asks for a yes first."""
    review = found_review(request, review_id)
    chosen = _chosen(request, review)
    back = _back(review, chosen.asked)
    form = DecisionForm(request.POST)
    if not chosen.seen:
        messages.error(request, _("Choose at least one line."))
        return redirect(back)
    if not form.is_valid() and "note" not in form.errors:
        messages.error(request, _("Choose whether to confirm or to take away."))
        return redirect(back)
    decision = form.cleaned_data["decision"]
    if _takes_power(review, list(chosen.seen), decision) and not stepped_up(request):
        return ask_step_up(request)
    if form.errors or (decision == Decision.REVOKED and "sure" not in request.POST):
        return _ask(request, review, chosen, form)
    outcome = actions.decide_lines(
        actor=request.user,
        review=review,
        seen=chosen.seen,
        editions=chosen.editions,
        decision=decision,
        note=form.cleaned_data["note"],
    )
    told(request, decision, outcome.decided)
    if chosen.left_out or outcome.missing:
        messages.warning(request, _("Some of the chosen lines are not on this list and were left out."))
    if not outcome.refused:
        return redirect(back)
    context = {
        **frame(request, review),
        "outcome": outcome,
        "refused": outcome.refused[:MOST_TOLD],
        "untold": max(0, len(outcome.refused) - MOST_TOLD),
        "back": back,
    }
    return render(request, "rbac/review_outcome.html", context, status=200 if outcome.decided else 409)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The lines that are meant, by key, with where they stood on the page they were chosen on, and as which edition."""

    seen: dict[int, Standing]
    editions: dict[int, str]
    asked: Asked
    is_all: bool
    left_out: int = 0


def _chosen(request: HtmxHttpRequest, review: Review) -> _Chosen:
    asked = asked_of(review, request.user, _carried(request.POST))
    if "all" in request.POST:
        if not asked.is_decidable:
            return _Chosen({}, {}, asked, is_all=True)
        most = MOST_TAKEN if request.POST.get("decision") == Decision.REVOKED else MOST
        keys = asked.decidable.order_by("user__name_key", "role_name", "pk").values_list("pk", flat=True)[:most]
        return _Chosen(dict.fromkeys(keys, asked.expected), {}, asked, is_all=True)
    stood = dict(word.partition(":")[::2] for word in request.POST.getlist("seen")[:MOST])
    wanted = {key: str(key) for key in map(uuid_of, request.POST.getlist("id")[:MOST]) if key is not None}
    items = ReviewItem.objects.filter(review=review, public_id__in=wanted).visible_to(request.user)
    found = dict(items.values_list("pk", "public_id"))
    seen = {pk: _seen(stood.get(wanted[key], "")) for pk, key in found.items()}
    return _Chosen(
        {pk: standing for pk, (standing, _edition) in seen.items()},
        {pk: edition for pk, (_standing, edition) in seen.items()},
        asked,
        is_all=False,
        left_out=len(wanted) - len(seen),
    )


def _ask(request: HtmxHttpRequest, review: Review, chosen: _Chosen, form: DecisionForm) -> HttpResponse:
    items = ReviewItem.objects.filter(pk__in=list(chosen.seen)[:MOST]).select_related("user")
    ticked = [] if chosen.is_all else [(item, _word(chosen, item.pk)) for item in items]
    by_claims = items.filter(assignment__is_open=True, assignment__provider__isnull=False)
    context = {
        **frame(request, review),
        "form": form,
        "is_taking": form.cleaned_data.get("decision") == Decision.REVOKED,
        "chosen": chosen,
        "count": len(chosen.seen),
        "named": items.order_by("user__name_key", "role_name", "pk")[:NAMED],
        "more": max(0, len(chosen.seen) - NAMED),
        "ticked": ticked,
        "by_claims": by_claims.count() if form.cleaned_data.get("decision") == Decision.REVOKED else 0,
        "most": MOST_TAKEN,
        "back": _back(review, chosen.asked),
    }
    return render(request, "rbac/review_ask.html", context, status=form_status(form))


def _row(request: HtmxHttpRequest, review: Review, item: ReviewItem, form: DecisionForm, error: str) -> HttpResponse:
    """The row as it is now, or below it the question with its note; and how far the review is."""
    review = found_review(request, review.public_id)
    line = read_line(review, request.user, item, may_decide=may_decide(request) and review.is_running)
    asking = bool(form.errors) if form.is_bound else "row" not in request.GET
    context = {
        **frame(request, review),
        "line": line,
        "form": form,
        "error": error,
        "is_fresh": True,
        # The question stands below the row, and goes with the answer.
        "was_asked": "asked" in request.POST or "row" in request.GET,
        "query": asked_of(review, request.user, _carried(request.GET)).query.urlencode(),
    }
    name = "rbac/review_line.html#detail" if asking else "rbac/review_detail.html#decided"
    answer = render(request, name, context, status=409 if error else form_status(form))
    if form.errors:
        # What is to be put right stands in the place of the question, not of the row.
        answer["HX-Retarget"] = f"#ask-{item.public_id}"
    return answer


def _takes_power(review: Review, keys: list[int], decision: str) -> bool:
    """Whether a role with one of the powers would be taken from somebody."""
    if decision != Decision.REVOKED:
        return False
    items = ReviewItem.objects.filter(review=review, pk__in=keys, assignment__isnull=False)
    roles = current_role_map()
    role_ids = items.order_by().values_list("assignment__role_id", flat=True).distinct()
    return any(weighs(role_id, roles) for role_id in role_ids)


def _item(request: HtmxHttpRequest, review: Review, line_id: UUID) -> ReviewItem:
    """A line of this review about somebody in sight; others are not there."""
    items = ReviewItem.objects.filter(review=review).visible_to(request.user)
    item = get_object_or_404(items.select_related("user", "assignment__role", "review"), public_id=line_id)
    if not review.is_running and request.method != "POST":
        raise Http404
    return item


def _seen(word: str) -> tuple[Standing, str]:
    """Where a line stood, and the edition of its assignment, as `Line.seen` says it; nonsense has seen nothing."""
    standing, _colon, edition = word.partition(":")
    return (Standing(standing) if standing in Standing.values else Standing.UNDECIDED), edition[:40]


def _word(chosen: _Chosen, key: int) -> str:
    return f"{chosen.seen[key].value}:{chosen.editions.get(key, '')}"


def _carried(sent: QueryDict) -> QueryDict:
    """The filters of the page that something was sent from."""
    return QueryDict(sent.get("query", ""))


def _back(review: Review, asked: Asked) -> str:
    query = asked.query.urlencode()
    return reverse("rbac:review_detail", args=[review.public_id]) + (f"?{query}" if query else "")
