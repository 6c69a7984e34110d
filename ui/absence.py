"""What a page says that is not there."""

from __future__ import annotations

from django.http import Http404


class NotThere(Http404):
    """A 404 whose sentence is for whoever asked: raised only behind the guard, to people who may know."""

    @property
    def sentence(self) -> str:
        return str(self.args[0]) if self.args else ""
