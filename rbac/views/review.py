"""Access reviews: the list, beginning one, its page with its export and history, and closing it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_safe

from accounts.exporting import as_far_as_now
from accounts.http import HtmxHttpRequest
from accounts.models import User
from accounts.teams import sees_everyone
from rbac import actions
from rbac.forms.review import ReviewForm, wanted_of
from rbac.models import Review, ReviewItem, Tally
from rbac.reviews.export import lines
from rbac.reviews.listing import asked_of, shown, tally_of
from rbac.reviews.rules import closing_refusal
from rbac.system_roles import ADMIN
from settings_store.database import close_connections
from settings_store.trail.pages import history
from ui.forms import form_status, posted, require_page_methods, sentence_of
from ui.guard import requires
from ui.keyset import paginate

# As many lines as one act confirms, and as many as it takes away, each by an act of its own, while somebody waits.
MOST = 1000
MOST_TAKEN = 200
ORDERS = {"name": ("user__name_key", "role_name"), "since": ("since",), "seen": ("user__last_login",)}
LIST_ORDERS = {"due": ("due_on",), "closed": ("-closed_at",)}


@requires("roles.read")
@require_safe
def review_list(request: HtmxHttpRequest) -> HttpResponse:
    """Reviews in the reader's sight, those that run or those that are closed."""
    is_closed = request.GET.get("tab") == "closed"
    reviews = Review.objects.visible_to(request.user).select_related("started_by", "closed_by", "supervisor")
    found, order = (reviews.closed(), "closed") if is_closed else (reviews.running(), "due")
    page = paginate(found, request, order={order: LIST_ORDERS[order]}, default=order, per_page=20)
    tallies = ReviewItem.objects.filter(review__in=page.rows).visible_to(request.user).tallies()
    context = {
        "tab": "closed" if is_closed else "running",
        "page": page,
        "rows": [(review, tallies.get(review.pk, Tally())) for review in page.rows],
        "may_start": may_decide(request),
    }
    return render(request, "rbac/review_list.html", context)


@requires("roles.read", also="users.write", in_person=True)
@require_page_methods
def review_new(request: HtmxHttpRequest) -> HttpResponse:
    initial = wanted_of(request.GET, request.user)
    running = None
    form = ReviewForm(posted(request), actor=request.user, initial=initial)
    if form.is_valid():
        try:
            review = actions.start_review(actor=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            form.add_error(None, refusal)
            running = _running(request, form)
        else:
            messages.success(request, _("Review begun: decide about each line."))
            return redirect("rbac:review_detail", review.public_id)
    return render(request, "rbac/review_new.html", {"form": form, "running": running}, status=form_status(form))


@requires("roles.read")
@require_safe
def review_detail(request: HtmxHttpRequest, review_id: UUID) -> HttpResponse:
    review = found_review(request, review_id)
    asked = asked_of(review, request.user, request.GET)
    orders = ORDERS if review.is_running else {**ORDERS, "seen": ("last_login",)}
    page = paginate(asked.lines, request, order=orders, default="name")
    deciding = may_decide(request) and review.is_running
    # Nobody counts what fits on one page.
    counted = len(page.rows)
    if deciding and asked.is_decidable and (page.newer_url or page.older_url):
        counted = asked.decidable.order_by()[: MOST + 1].count()
    context = {
        **frame(request, review),
        "tab": "lines",
        "asked": asked,
        "query": asked.query.urlencode(),
        "page": page,
        "lines": shown(review, request.user, page.rows, may_decide=deciding),
        "may_many": deciding and asked.is_decidable,
        "counted": counted,
        "most": MOST,
        "by_break_glass": _admins_by_break_glass(request, review),
    }
    return render(request, "rbac/review_detail.html", context)


@requires("audit.read", also="roles.read")
@require_safe
def review_history(request: HtmxHttpRequest, review_id: UUID) -> HttpResponse:
    """What the trail says about one review, for those who may see it."""
    review = found_review(request, review_id)
    context = {
        **frame(request, review),
        "tab": "history",
        **history(request, "rbac.review", str(review.public_id)),
    }
    return render(request, "rbac/review_history.html", context)


@requires("roles.read")
@require_GET
def review_export(request: HtmxHttpRequest, review_id: UUID) -> HttpResponseBase:
    """Every line in the reader's sight as a file, which the trail takes note of."""
    review = found_review(request, review_id)
    items = ReviewItem.objects.filter(review=review).visible_to(request.user)
    actions.record_review_export(actor=request.user, review=review, count=items.count())
    # The thread of this request lives as long as the stream does, and must hold no connection meanwhile.
    close_connections()
    name = "-".join(filter(None, ["access-review", slugify(review.subject)[:60], f"{review.started_at:%Y-%m-%d}"]))
    return StreamingHttpResponse(
        lines(review, items, allowed=as_far_as_now(request, "roles.read")),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


@requires("roles.read", also="users.write", in_person=True)
@require_page_methods
def review_close(request: HtmxHttpRequest, review_id: UUID) -> HttpResponse:
    review = found_review(request, review_id)
    if refusal_in_words := closing_refusal(request.user, review):
        raise PermissionDenied(refusal_in_words)
    error = "" if review.is_running else _("This review is closed already.")
    if request.method == "POST" and not error:
        try:
            actions.close_review(actor=request.user, review=review)
        except (PermissionDenied, ValidationError) as refusal:
            error = sentence_of(refusal)
        else:
            messages.success(request, _("Review closed"))
            return redirect("rbac:review_detail", review.public_id)
    context = {**frame(request, review), "error": error}
    return render(request, "rbac/review_close.html", context, status=409 if error else 200)


def found_review(request: HtmxHttpRequest, review_id: UUID) -> Review:
    """The review of the address, where the reader may see it; else it is not there."""
    related = ("started_by", "closed_by", "supervisor", "role")
    reviews = Review.objects.visible_to(request.user).select_related(*related)
    return get_object_or_404(reviews, public_id=review_id)


def may_decide(request: HtmxHttpRequest) -> bool:
    """Whether whoever looks decides about anything at all; nobody does in the name of another."""
    return request.user.has_perm("users.write") and request.impersonator is None


def frame(request: HtmxHttpRequest, review: Review) -> dict[str, object]:
    """What the head of a review's pages needs."""
    deciding = may_decide(request) and review.is_running
    return {
        "review": review,
        "tally": tally_of(review, request.user),
        "is_partial": not sees_everyone(request.user),
        "may_close": deciding and closing_refusal(request.user, review) is None,
    }


def told(request: HtmxHttpRequest, decision: str, count: int) -> None:
    """Say what was decided, where something was."""
    if not count:
        return
    if decision == ReviewItem.Decision.CONFIRMED:
        words = ngettext("%(count)d confirmed", "%(count)d confirmed", count)
    else:
        words = ngettext("%(count)d taken away", "%(count)d taken away", count)
    messages.success(request, words % {"count": count})


def _running(request: HtmxHttpRequest, form: ReviewForm) -> Review | None:
    """The review that stands in the way of another one about the same."""
    about = {name: form.cleaned_data.get(name) for name in ("role", "supervisor")}
    return Review.objects.visible_to(request.user).running().about(**about).first()


def _admins_by_break_glass(request: HtmxHttpRequest, review: Review) -> int:
    """How many in sight are admin without an assignment, which the list of a review of that role cannot show."""
    if review.role is None or review.role.system_key != ADMIN or not review.is_running:
        return 0
    return User.objects.visible_to(request.user).active().filter(is_superuser=True).count()
