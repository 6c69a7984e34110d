"""What people send about model servers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.models import Provider
from settings_store.store import get_setting
from ui.forms import CharField


class ProviderForm(forms.Form):
    """A server's address and key; with `provider` the key may stay empty, which keeps the one it has."""

    name = CharField(label=gettext_lazy("Name"), max_length=80)
    # No URLField: it knows no host without a dot, and a server in the same network is often called just "ollama".
    base_url = CharField(
        label=gettext_lazy("Base URL"),
        max_length=300,
        widget=forms.URLInput(attrs={"inputmode": "url", "spellcheck": "false"}),
        help_text=gettext_lazy("Up to and with /v1, for example http://127.0.0.1:11434/v1"),
    )
    key = forms.CharField(
        label=gettext_lazy("API key"),
        max_length=2000,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Sealed before it is stored, and never shown again. Leave it empty for a server without a key."
        ),
    )
    remove_key = forms.BooleanField(label=gettext_lazy("Remove the key kept here"), required=False)
    allow_private = forms.BooleanField(
        label=gettext_lazy("May be on this machine or in a private network"),
        required=False,
        help_text=gettext_lazy("Without this, only public addresses are called."),
    )
    silence_seconds = forms.IntegerField(
        label=gettext_lazy("Patience"),
        min_value=1,
        max_value=3600,
        required=False,
        help_text=gettext_lazy("Seconds without a sign of life after which an answer ends as failed, up to 3600."),
    )
    parallel_limit = forms.IntegerField(
        label=gettext_lazy("Answers at one moment"),
        min_value=1,
        max_value=1000,
        required=False,
        help_text=gettext_lazy("Further ones wait for their turn. Empty lets any number begin."),
    )

    def __init__(self, *args: Any, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["silence_seconds"].widget.attrs["placeholder"] = str(get_setting("chat.silence_seconds"))
        if provider is None or not provider.sealed_key:
            del self.fields["remove_key"]
        else:
            self.fields["key"].help_text = _("A key is kept. Leave this empty to keep it, or give a new one.")
            self.fields["key"].widget.attrs["placeholder"] = "••••••••"

    def clean_base_url(self) -> str:
        url: str = self.cleaned_data["base_url"]
        return url.rstrip("/")

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        # It travels in a header, where anything else would be cut or refused on the way.
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise forms.ValidationError(_("A key has letters, digits and signs only, no spaces."))
        return key

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("key") and data.get("remove_key"):
            self.add_error("remove_key", _("Give a new key or remove the old one, not both."))
        return data


class ProviderTrialForm(ProviderForm):
    """What a server is tried with before it is saved: how it will be called matters to nobody yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "silence_seconds", "parallel_limit"):
            self.fields[name] = forms.CharField(required=False, label=self.fields[name].label)

    def where(self) -> dict[str, Any]:
        """Whom to call and how, as `trial_endpoint` takes it."""
        names = ("base_url", "key", "remove_key", "allow_private")
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}


class ProviderDeleteForm(forms.Form):
    """Deleting a server cannot be undone, so its name is typed."""

    confirm = CharField(label=gettext_lazy("Name of the server"), max_length=200)

    def __init__(self, *args: Any, provider: Provider, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider = provider
        self.fields["confirm"].widget.attrs.update({"data-confirm": provider.name, "autocomplete": "off"})

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed != self.provider.name:
            raise forms.ValidationError(_("Type “%(name)s” to confirm.") % {"name": self.provider.name})
        return typed
