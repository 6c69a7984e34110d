"""Flags over HTTP for programs: one at a time, or all at once and only where something changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException, UnreadablePostError
from django.utils.translation import gettext as _

from settings_store import flags
from settings_store.flag.ofrep import Refused, etag_of, evaluate_all, evaluate_one, is_known, subject_of_request
from settings_store.flag.resolution import UnknownKey
from settings_store.flag.rules import KEY, KEY_LENGTH
from settings_store.limits import reserve
from ui.guard import Dialect, requires

# In a minute, of one session: a program that asks more often asks for all at once, and keeps the answer.
MOST_CALLS = 6000

type View = Callable[..., HttpResponse]


def _call(view: View) -> View:
    """A POST within the rate, whose request could be read; everything else is refused in JSON."""

    @wraps(view)
    def call(request: HttpRequest, **named: Any) -> HttpResponse:
        if request.method != "POST":
            answer = JsonResponse(Refused("GENERAL", _("Flags are asked for by POST.")).body(), status=405)
            answer["Allow"] = "POST"
            return answer
        reserved = reserve("ofrep", str(request.session.session_key), limit=MOST_CALLS, seconds=60)
        if not reserved.allowed:
            answer = JsonResponse(Refused("GENERAL", _("Too many calls in one minute.")).body(), status=429)
            answer["Retry-After"] = str(reserved.retry_after)
            return answer
        try:
            return view(request, **named)
        except Refused as refused:
            return JsonResponse(refused.body(named.get("key")), status=400)

    return call


@requires("flags.read", api=Dialect.OFREP)
@_call
def evaluate_flag(request: HttpRequest, key: str) -> HttpResponse:
    # Asked first, so that an unknown flag is called so whatever the context is; what can be no flag is not counted.
    if len(key) > KEY_LENGTH or not KEY.fullmatch(key) or flags.find(key, outside=True) is None:
        return _unknown(key)
    try:
        return JsonResponse(evaluate_one(key, subject_of_request(_body(request), request.user)))
    except UnknownKey:
        return _unknown(key)


@requires("flags.read", api=Dialect.OFREP)
@_call
def evaluate_flags(request: HttpRequest) -> HttpResponse:
    answer = JsonResponse(evaluate_all(subject_of_request(_body(request), request.user)))
    etag = etag_of(answer.content)
    if is_known(etag, request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers={"ETag": etag})
    answer["ETag"] = etag
    return answer


@requires("flags.read", api=Dialect.OFREP)
def nowhere(request: HttpRequest) -> HttpResponse:
    """Every other address below /ofrep/, which programs ask for and people do not."""
    return JsonResponse(Refused("GENERAL", _("There is nothing at this address.")).body(), status=404)


def _unknown(key: str) -> HttpResponse:
    sentence = _("There is no flag %(key)s.") % {"key": repr(key[:60])}
    return JsonResponse(Refused("FLAG_NOT_FOUND", sentence).body(key), status=404)


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    # Too large, broken off, or sent as a form.
    except (RequestDataTooBig, RawPostDataException, UnreadablePostError):
        raise Refused("PARSE_ERROR", _("The request could not be read.")) from None
