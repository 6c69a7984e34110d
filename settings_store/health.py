"""What /readyz asks of this floor: each answers with one sentence where something is wrong."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from settings_store.crypto import NoKey, keyring
from settings_store.models import AuditEvent, AuditHead


def key_trouble() -> str:
    try:
        return "" if keyring().newest else _("There is no key.")
    except (ImproperlyConfigured, NoKey) as error:
        return str(error)


def trail_trouble() -> str:
    end = AuditHead.objects.filter(pk=1).first()
    if end is None:
        return _("The end of the audit trail is missing.")
    last = AuditEvent.objects.order_by("-sequence").values_list("sequence", "hash").first()
    if last is None and end.sequence == 0:
        return ""
    if last != (end.sequence, end.hash):
        return _("The audit trail does not end where it should; run audit_verify.")
    return ""
