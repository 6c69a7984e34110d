"""Who may act as whom: the one rule, asked before it begins and again at every request."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from accounts import rules
from accounts.models import Session, User
from accounts.obstacles import FACTOR_SESSION_KEY

PERMISSION = "users.admin"
# However busy it is, it ends after this long.
LONGEST = timedelta(minutes=60)


def refusal(admin: User, person: User, session: Session | None) -> str:
    """Why `admin` may not act as `person` in this session of theirs; empty where they may."""
    if not admin.has_perm(PERMISSION):
        return _("You may not act as somebody else.")
    if admin == person:
        return _("You are %(person)s already.") % {"person": person}
    if not person.is_active:
        return _("%(person)s is deactivated.") % {"person": person}
    if not User.objects.visible_to(admin).filter(pk=person.pk).exists():
        return _("You may not see this person.")
    if sentence := rules.refusal(admin, person, "impersonate"):
        return sentence
    # What a role opens only to those who gave a factor must not be reached around it.
    if (person.must_have_factor or admin.must_have_factor) and not _gave_factor(session):
        return _("A role of %(person)s asks for a second factor, and you gave none when you signed in.") % {
            "person": person if person.must_have_factor else admin
        }
    return ""


def _gave_factor(session: Session | None) -> bool:
    return session is not None and bool(session.get_decoded().get(FACTOR_SESSION_KEY))
