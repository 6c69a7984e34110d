"""The one way a secret leaves in the clear: for one person who asks, written into the trail before they have it."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from settings_store import audit, store
from settings_store.circumstances import Actor
from settings_store.crypto import CannotOpen, SealedElsewhere
from settings_store.models import Setting
from settings_store.own import current_definition


@transaction.atomic
def reveal_secret(*, actor: Actor | None, key: str, environment: str, copied: bool = False) -> str:
    """The secret an environment has, to be shown or, where it is `copied`, to be put into a clipboard unseen.

    Raises UnknownSetting, or ValidationError in one sentence where there is none to be had.
    """
    definition = current_definition(key)
    if not definition.is_secret:
        raise ValidationError(_("This setting is no secret; everybody who may read settings sees it."))
    if environment == settings.ENVIRONMENT and store.locked_value(definition) is not None:
        raise ValidationError(
            _("This secret comes from the environment variable %(variable)s and is not shown here.")
            % {"variable": definition.variable}
        )
    row = Setting.objects.filter(key=key, environment=environment).first()
    if row is None or row.sealed is None:
        raise ValidationError(_("This secret is not set in this environment."))
    try:
        secret = str(store.own_value(definition, row))
    except SealedElsewhere as error:
        raise ValidationError(_("This secret is sealed elsewhere: its key is not here.")) from error
    except CannotOpen as error:
        raise ValidationError(_("This secret is damaged and does not open any more.")) from error
    audit.record(
        "secret.copied" if copied else "secret.revealed",
        actor=actor,
        target=row,
        after={"version": row.version},
    )
    return secret
