"""What the page of one flag in one environment is made of, as saved or with rules that somebody is writing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from settings_store import people, proposals
from settings_store.actions import Seen, StaleSetting
from settings_store.actions.setting import protected_keys
from settings_store.flag import explaining, references, rules
from settings_store.flag.explaining import Explanation, Tested
from settings_store.flag.grid import FlagCell, FlagLine, lines_of
from settings_store.flag.rules import Document, FlagType
from settings_store.flag.share import Share, compiled_for, share_of
from settings_store.flag.snapshot import Snapshot
from settings_store.flag.telling import Names, names_in
from settings_store.forms.flag_rules import Around, FlagRulesForm
from settings_store.kept import flag_definition
from settings_store.models import Flag, Proposal, SettingVersion
from settings_store.realms import Realm, key_of_flag
from settings_store.trail.differences import Difference
from settings_store.views.pieces import environment_or_404
from settings_store.wording import rule_by_rule
from ui.keyset import Page, paginate

HISTORY = 20
# Of a change of more lines the rest is counted.
MOST_LINES = 30
TEMPLATE = "settings_store/flag_edit.html"


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One version of the rules with the lines by which it differs from the one before."""

    version: SettingVersion
    lines: Sequence[Difference]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What somebody gets, by which rules."""

    title: str
    explanation: Explanation


@dataclass
class FlagPage:
    """One flag in one environment, read as pages and partials ask for it."""

    request: HttpRequest
    flag: Flag
    environment: str

    @classmethod
    def asked(cls, request: HttpRequest, flag: Flag) -> FlagPage:
        """For the environment that the address names, else this one."""
        return cls(request, flag, environment_or_404(request, flag_definition(flag)))

    @property
    def address(self) -> str:
        return f"{reverse('settings_store:flag_edit', args=[self.flag.key])}?{self.query}"

    @property
    def query(self) -> str:
        return urlencode({"environment": self.environment})

    @cached_property
    def roles(self) -> dict[int, str]:
        return people.directory().roles()

    @cached_property
    def line(self) -> FlagLine:
        return lines_of([self.flag], self.roles)[0]

    @property
    def cell(self) -> FlagCell:
        return self.line.at(self.environment)

    @cached_property
    def compiled(self) -> Snapshot:
        return compiled_for(self.environment)

    @cached_property
    def names(self) -> Names:
        return names_in([self.cell.document], self.roles)

    def form(self, data: QueryDict | None = None) -> FlagRulesForm:
        needs = {key: document["needs"] for key, document in self.compiled.documents.items()}
        kind = FlagType(self.flag.type)
        around = Around(self.flag.key, kind, self.cell.document, needs, self.names, self.request.user)
        initial = self.cell.document if data is not None else self._offered() or self.cell.document
        return FlagRulesForm(around, data, initial=initial, seen=Seen(self.cell.version, self.line.common.version))

    def share(self, document: Document | None = None) -> Share:
        """Who of the people present has the flag, by what is saved or by these rules instead."""
        compiled = self.compiled if document is None else self._drafted(document)
        return share_of(compiled.flags[self.flag.key], people.directory().everybody())

    def results(self, tested: Tested, draft: Document | None = None) -> list[Result]:
        """What somebody gets by the rules being written, where these differ, and by those that are saved."""
        saved = Result(_("As saved"), explaining.explain(self.flag.key, self.compiled, tested, self.names))
        if draft is None or draft == self.compiled.documents[self.flag.key]:
            return [saved]
        drafted = explaining.explain(self.flag.key, self._drafted(draft), tested, self.names)
        return [Result(_("As in the form"), drafted), saved]

    def test(self, asked: QueryDict, draft: Document | None = None) -> dict[str, Any]:
        """What the page says of a test, or why there is none; nothing where none was asked for."""
        if "as" not in asked and "role" not in asked:
            return {}
        name, role = asked.get("as", ""), asked.get("role", "")
        state = {"asked_as": name[: explaining.LONGEST_KEY], "asked_role": role}
        try:
            tested = explaining.as_asked(self.request.user, name, role, self.names)
        except ValidationError as error:
            return state | {"test_trouble": error.messages[0]}
        return state | {"tested": tested, "results": self.results(tested, draft)}

    def conflict(self, stale: StaleSetting, mine: Document | None) -> list[Difference]:
        """Theirs and mine line by line; where one takes the own rules away, the common ones."""
        common = self.line.common.document
        theirs = common if stale.setting.value is None else stale.setting.value
        yours = common if mine is None else mine
        return rule_by_rule(theirs, yours, names_in([theirs, yours], self.roles))

    def render(self, form: FlagRulesForm | None = None, *, status: int = 200, **state: Any) -> HttpResponse:
        """The whole page; `state` says what became of a form that was sent."""
        flag = self.flag
        context = self.context(form) | self._history() | state
        context |= proposals.around_setting(self.request, key_of_flag(flag.key), self.environment)
        if flag.archived_at is None:
            context = self.test(self.request.GET) | context
        return render(self.request, TEMPLATE, context, status=status)

    def part(self, name: str, form: FlagRulesForm | None = None, **state: Any) -> HttpResponse:
        """One part of the page alone, in the place of the one that is there."""
        return render(self.request, f"{TEMPLATE}#{name}", self.context(form) | state)

    def context(self, form: FlagRulesForm | None = None) -> dict[str, Any]:
        flag = self.flag
        if form is None and flag.archived_at is None and self.request.user.has_perm("flags.write"):
            form = self.form()
        return {
            "flag": flag,
            "kind": FlagType(flag.type),
            "line": self.line,
            "cell": self.cell,
            "definition": self.line.definition,
            "environment": self.environment,
            "query": self.query,
            "address": self.address,
            "realm": Realm.FLAGS,
            "form": form,
            "draft": _sent(form),
            "is_protected": self.line.is_protected,
            "next_version": self.cell.version + 1,
            "roles": self.roles,
            "needed_by": self.needed_by,
            "taken": self._taken,
            "rules": rule_by_rule(None, self.cell.document, self.names),
        }

    @property
    def needed_by(self) -> list[tuple[str, bool]]:
        """The flags that change with this one, and whether each is protected."""
        names = references.dependents(self.flag.key)
        protected = protected_keys([key_of_flag(name) for name in names])
        return [(name, key_of_flag(name) in protected) for name in names]

    @property
    def _taken(self) -> bool:
        """Whether this person has just taken its own rules away here, and may put them back."""
        return (
            self.request.GET.get("taken", "") == str(self.cell.version)
            and not self.cell.is_set
            and self.cell.changed_by == self.request.user.pk
            and not self.line.is_protected
            and self.request.user.has_perm("flags.write")
        )

    def _history(self) -> dict[str, Any]:
        versions = SettingVersion.objects.filter(
            setting__key=key_of_flag(self.flag.key), setting__environment=self.environment
        ).select_related("setting", "proposal")
        page: Page[SettingVersion] = paginate(
            versions, self.request, order={"version": ("-version",)}, default="version", per_page=HISTORY
        )
        before = versions.filter(version__lt=page.rows[-1].version).order_by("-version").first() if page.rows else None
        rows = [*page.rows, before]
        names = names_in((row.value for row in rows if row is not None), self.roles)
        return {"page": page, "history": [_history_line(new, old, names) for new, old in pairwise(rows) if new]}

    def _drafted(self, document: Document) -> Snapshot:
        return self.compiled.drafted(self.flag.key, document)

    def _offered(self) -> Document | None:
        """The rules of a proposal for this flag in this environment, where the address asks for them anew."""
        with suppress(ValueError, ValidationError):
            asked = UUID(self.request.GET.get("again", ""))
            about = Proposal.objects.filter(key=key_of_flag(self.flag.key), environment=self.environment)
            proposal = about.filter(act=Proposal.Act.SET, public_id=asked).first()
            return None if proposal is None else rules.check(proposal.value, FlagType(self.flag.type))
        return None


def _sent(form: FlagRulesForm | None) -> str:
    """What is written, for a test to take along where no script does it; empty where that is what is saved."""
    if form is None or not form.is_bound:
        return ""
    sent = QueryDict(mutable=True)
    sent.update(form.data)
    for name in ("csrfmiddlewaretoken", "as", "role", "draft"):
        sent.pop(name, None)
    return sent.urlencode()


def _history_line(version: SettingVersion, before: SettingVersion | None, names: Names) -> HistoryLine:
    every = rule_by_rule(before.value if before else None, version.value, names)
    lines = [line for line in every if line.kind != "same"]
    return HistoryLine(version, lines[:MOST_LINES], max(0, len(lines) - MOST_LINES))
