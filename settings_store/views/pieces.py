"""What the pages that show and change one setting share: finding it, what its form needs, what is said of a change."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from settings_store import limits
from settings_store.actions import ABOUT_REASON, ABOUT_TIME, StaleSetting
from settings_store.definitions import Definition, UnknownSetting
from settings_store.forms import SettingForm
from settings_store.grid import GridLine
from settings_store.holding import DEFAULT, PLACES, Held, unknown_environment
from settings_store.models import Proposal, Setting
from settings_store.own import current_definition, kept_definition
from settings_store.values import SettingType
from ui import moments
from ui.absence import NotThere
from ui.guard import stepped_up

# How many secrets one person gives within how many seconds.
SECRETS, SECRETS_SECONDS = 30, 60


def definition_or_404(key: str, *, retired: bool = False) -> Definition:
    try:
        return kept_definition(key) if retired else current_definition(key)
    except UnknownSetting as error:
        raise NotThere(str(error)) from error


def environment_or_404(request: HttpRequest, definition: Definition) -> str:
    environment = request.GET.get("environment", str(settings.ENVIRONMENT))
    # Never a guess: a change meant for another environment must not land in this one.
    if environment not in PLACES:
        raise NotThere(unknown_environment(environment))
    if definition.is_secret and environment == DEFAULT:
        raise NotThere(_("A secret belongs to one environment; it has no common value."))
    return environment


def page_of(key: str, environment: str) -> str:
    return f"{reverse('settings_store:setting_edit', args=[key])}?environment={environment}"


def form_context(
    request: HttpRequest,
    definition: Definition,
    environment: str,
    line: GridLine,
    *,
    form: SettingForm | None = None,
    stale: StaleSetting | None = None,
    clearing: bool = False,
    in_place: bool = False,
) -> dict[str, Any]:
    """What `_setting_form.html` needs, on the page of the setting or in its row of the grid."""
    cell = line.at(environment)
    if form is None:
        initial = {"version": cell.version, "value": _initial(definition, cell.held)}
        if "value" in request.GET and not definition.is_secret and not in_place:
            # What somebody proposed, to be proposed anew.
            text = request.GET["value"]
            initial["value"] = text == "true" if definition.type is SettingType.BOOLEAN else text
        form = SettingForm(definition, initial=initial)
    # Several rows may be open at once; each field has a name of its own to a label.
    form.auto_id = f"{definition.key}-{environment}-%s" if in_place else "id_%s"
    back = _grid_address(request) if in_place else page_of(definition.key, environment)
    return {
        "definition": definition,
        "environment": environment,
        "cell": cell,
        "form": form,
        "stale": stale,
        "clearing": clearing,
        "in_place": in_place,
        "is_protected": line.is_protected,
        "next_version": (stale.setting.version if stale else cell.version) + 1,
        "must_step_up": definition.is_secret and not stepped_up(request),
        "step_up_url": f"{reverse('step_up')}?{urlencode({'next': back})}",
    }


def slow_down(request: HttpRequest, form: SettingForm) -> None:
    """Refuse a secret from somebody who gives very many: they are trying, or a script ran away."""
    if not limits.reserve("secret.given", str(request.user.pk), limit=SECRETS, seconds=SECRETS_SECONDS).allowed:
        form.add_error(None, _("You have given many secrets within a minute. Wait a little, then send it again."))


def said(made: Setting | Proposal | None) -> tuple[int, str]:
    """What a page says of a change, as level and words."""
    if made is None:
        return messages.INFO, _("Nothing changed: it has this value already.")
    if isinstance(made, Proposal):
        if made.status == Proposal.Status.AWAITING:
            return messages.SUCCESS, _("Proposed. It counts once somebody else approves it.")
        when = moments.exact(made.apply_at) if made.apply_at else ""
        return messages.SUCCESS, _("Scheduled for %(when)s.") % {"when": when}
    if made.value is None and made.sealed is None:
        return messages.SUCCESS, _("The default holds again.")
    return messages.SUCCESS, _("Saved as version %(version)d.") % {"version": made.version}


def refuse(form: SettingForm, error: ValidationError) -> None:
    field = {ABOUT_REASON: "reason", ABOUT_TIME: "apply_at"}.get(getattr(error, "code", None) or "")
    form.add_error(field, error)


def _grid_address(request: HttpRequest) -> str:
    # Where the page stood, as the script tells; the step-up checks that it leads nowhere else.
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]  # set by HtmxMiddleware
    return htmx.current_url_abs_path or reverse("settings_store:setting_list")


def _initial(definition: Definition, found: Held) -> str | bool:
    if definition.is_secret:
        return ""
    for each in found.passed_over:
        if each.source != "environment":
            # Under rules tightened since: shown as it was given, to be put right.
            return each.text
    return found.value if isinstance(found.value, bool) else str(definition.written(found.value))
