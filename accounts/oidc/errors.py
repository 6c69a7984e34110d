"""What may go wrong between here and an identity provider, and the one sentence for each."""

from __future__ import annotations

import aiohttp
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from settings_store.outbound import OutboundRefused

AT_FAULT = gettext_lazy("Signing in this way does not work at the moment. Try again later, or tell an admin.")


class OidcError(Exception):
    """A sign-in with an identity provider cannot go on.

    `sentence` is for the person at the door. `trouble` is what admins read beside the provider, empty where the
    provider is not at fault; neither holds anything that the provider or the browser wrote. `detail` is for the log
    and names what failed, never a token.
    """

    def __init__(self, sentence: str, *, trouble: str = "", detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.trouble, self.detail = sentence, trouble, detail[:200]


def at_fault(trouble: str, detail: str = "") -> OidcError:
    """The provider did not do what it should: people read one sentence, admins which."""
    return OidcError(str(AT_FAULT), trouble=trouble, detail=detail)


def from_exception(error: Exception) -> OidcError:
    """What an exception of the connection means."""
    detail = type(error).__name__
    match error:
        case OidcError():
            return error
        case OutboundRefused():
            return at_fault(str(error), detail)
        case aiohttp.ClientConnectorDNSError():
            return at_fault(_("The provider's name cannot be found."), detail)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return at_fault(_("The provider's certificate is not valid."), detail)
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return at_fault(_("The provider cannot be reached."), detail)
        case TimeoutError():
            return at_fault(_("The provider does not answer in time."), detail)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientPayloadError():
            return at_fault(_("The connection to the provider ended early."), detail)
    return at_fault(_("The provider answered something that cannot be understood."), detail)
