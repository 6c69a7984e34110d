"""Rows of settings and flags in the Django admin, where one table holds both: each for those who may read it."""

from __future__ import annotations

from functools import reduce
from operator import attrgetter, or_
from typing import ClassVar

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from settings_store.realms import Realm, realm_of, words_of_key
from ui.admin import ViewOnlyAdmin


class RealmAdmin(ViewOnlyAdmin):
    """Pages of a model whose rows are of settings or of flags, as the key in `key_column` says."""

    key_column: ClassVar[str] = "key"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        readable = [realm.rows(self.key_column) for realm in _readable(request)]
        return super().get_queryset(request).filter(reduce(or_, readable, Q(pk__in=[])))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        readable = _readable(request)
        return bool(readable) if obj is None else self.realm(obj) in readable

    def realm(self, obj: Model) -> Realm:
        return realm_of(self._key(obj))

    @admin.display(description=gettext_lazy("key"))
    def words(self, obj: Model) -> str:
        """The key as people write it, of a flag with that word before it."""
        return words_of_key(self._key(obj))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "words"]

    def _key(self, obj: Model) -> str:
        key: str = attrgetter(self.key_column.replace("__", "."))(obj)
        return key


def _readable(request: HttpRequest) -> list[Realm]:
    return [realm for realm in Realm if request.user.has_perm(realm.right("read"))]
