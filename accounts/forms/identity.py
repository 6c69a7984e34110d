"""What people send about identity providers."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.factors.policy import REMEMBERED
from accounts.models import IdentityProvider
from ui.forms import CharField

# They mean something else where a short name stands: an address, or what somebody signed in by.
RESERVED = frozenset({"new", "password", "passkey", "app", "recovery", REMEMBERED})


class IdentityProviderForm(forms.Form):
    """Where a provider is and what it may do here; with `provider` its short name stays, and its secret may."""

    name = CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("As people know it; the button at the door says “Sign in with …”."),
    )
    slug = forms.SlugField(
        label=gettext_lazy("Short name"),
        max_length=40,
        help_text=gettext_lazy("Stands in the redirect address that the provider must know, so it never changes."),
    )
    issuer = CharField(
        label=gettext_lazy("Issuer"),
        max_length=500,
        widget=forms.URLInput(attrs={"inputmode": "url", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Exactly as the provider writes it, for example https://accounts.google.com or "
            "https://login.microsoftonline.com/TENANT/v2.0 or https://sso.example.org/realms/NAME"
        ),
    )
    client_id = CharField(label=gettext_lazy("Client id"), max_length=255)
    secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        max_length=1500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Sealed before it is stored, and never shown again. Leave it empty for a client without a secret."
        ),
    )
    # Only where a secret was typed on a page that was then shown anew, without it.
    without_secret = forms.BooleanField(label=gettext_lazy("There is no secret"), required=False)
    remove_secret = forms.BooleanField(label=gettext_lazy("Remove the secret kept here"), required=False)
    scopes = CharField(label=gettext_lazy("Scopes"), max_length=300, initial="openid email profile")
    allow_private = forms.BooleanField(
        label=gettext_lazy("May be on this machine or in a private network, and without https"),
        required=False,
        help_text=gettext_lazy(
            "For one on this machine or in your own network. Without this, only public addresses are called."
        ),
    )
    joining = forms.ChoiceField(
        label=gettext_lazy("A first sign-in makes an account for"),
        choices=IdentityProvider.Joining,
        initial=IdentityProvider.Joining.NOBODY,
        help_text=gettext_lazy(
            "Where whoever may register here gets one, the provider must say that their email address is verified."
        ),
    )
    links_by_email = forms.BooleanField(
        label=gettext_lazy("Link to the account with the same email address"),
        required=False,
        initial=True,
        help_text=gettext_lazy(
            "Only where the address is verified both there and here, and never to somebody who may change roles or "
            "act as others. They connect it on their profile."
        ),
    )
    role_claim = CharField(
        label=gettext_lazy("Claim with roles"),
        max_length=120,
        required=False,
        help_text=gettext_lazy("For example groups, or realm_access.roles. Empty: its claims give no roles."),
    )

    def __init__(self, *args: Any, provider: IdentityProvider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if provider is not None:
            del self.fields["slug"]
        if provider is None or not provider.sealed_secret:
            del self.fields["remove_secret"]
        else:
            self.fields["secret"].help_text = _("A secret is kept. Leave this empty to keep it, or give a new one.")
            self.fields["secret"].widget.attrs["placeholder"] = "••••••••"
            self.fields["without_secret"].label = _("Keep the secret as it is")
        self.was_lost = bool(self.data.get("secret") or self.data.get("was_lost"))
        if self.was_lost:
            self.fields["secret"].help_text = _("What was typed is not shown again. Give the secret once more.")
        else:
            del self.fields["without_secret"]

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"].lower()
        if slug in RESERVED:
            raise forms.ValidationError(_("This word means something else here. Choose another."))
        return slug

    def clean_client_id(self) -> str:
        return _plain(self.cleaned_data["client_id"])

    def clean_secret(self) -> str:
        return _plain(self.cleaned_data["secret"].strip())

    def clean_scopes(self) -> str:
        scopes: list[str] = self.cleaned_data["scopes"].split()
        # RFC 6749, 3.3: what a scope may be written with.
        if not all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope) for scope in scopes):
            raise forms.ValidationError(_("Write scopes with a space between them."))
        if "openid" not in scopes:
            raise forms.ValidationError(_("“openid” must be among them, or nobody is signed in."))
        return " ".join(dict.fromkeys(scopes))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        stays_without = data.pop("without_secret", False) or data.get("remove_secret")
        if self.data.get("was_lost") and not data.get("secret") and not stays_without:
            self.add_error("secret", _("Give the secret once more, or choose below to save without it."))
        if data.get("secret") and data.get("remove_secret"):
            self.add_error("remove_secret", _("Give a new secret or remove the old one, not both."))
        return data


class IdentityProviderDeleteForm(forms.Form):
    """Deleting a provider cannot be undone, so its name is typed, and the number of people comes along."""

    people = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=10**9)
    confirm = CharField(label=gettext_lazy("Name of the provider"), max_length=200)

    def __init__(self, *args: Any, provider: IdentityProvider, people: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["people"].initial = people
        self.provider = provider
        self.fields["confirm"].widget.attrs.update({"data-confirm": provider.name, "autocomplete": "off"})

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != self.provider.name:
            raise forms.ValidationError(_("Type “%(name)s” to confirm.") % {"name": self.provider.name})
        return typed


def _plain(text: str) -> str:
    if text and not (text.isascii() and text.isprintable()):
        raise forms.ValidationError(_("This has letters, digits and signs of ASCII only."))
    return text
