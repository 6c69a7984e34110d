"""Where Django keeps its sessions: one row per browser, which knows whose it is and where it was opened.

Django's own store replaces the whole row whenever it saves; this one only ever updates the columns that a save is
about, so the facts of a sign-in stay. The key in the table is the SHA-256 of the cookie.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import Session
from settings_store.circumstances import current
from settings_store.store import get_setting

# A browser nobody has signed in with keeps nothing worth more than an hour.
ANONYMOUS_LIFE = timedelta(hours=1)
# Sessions that ran out are cleared a few at a time, whenever somebody signs in.
SWEEP = 20


def hashed(cookie: str) -> str:
    return sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def idle_life() -> timedelta:
    return timedelta(minutes=int(get_setting("accounts.session.idle_minutes")))


def absolute_life() -> timedelta:
    return timedelta(hours=int(get_setting("accounts.session.absolute_hours")))


class SessionStore(SessionBase):
    """Sessions in `accounts.Session`; `row` is the loaded or written row, None while there is none."""

    if TYPE_CHECKING:  # the base class has them, its type stubs do not
        _session: dict[str, Any]

        def _get_session(self, no_load: bool = False) -> dict[str, Any]: ...

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.row: Session | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        row = Session.objects.filter(session_key=hashed(self.session_key or "")).first()
        if row is None or row.is_over(now=timezone.now(), idle=idle_life(), absolute=absolute_life()):
            # An id the house did not give, or no longer knows, must not become a session.
            self._session_key = None
            return {}
        self.row = row
        return self.decode(row.session_data)

    def exists(self, session_key: str) -> bool:
        return bool(Session.objects.filter(session_key=hashed(session_key)).exists())

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)
        values = {"session_data": self.encode(data), **self._facts(data)}
        if must_create:
            try:
                with transaction.atomic():
                    self.row = Session.objects.create(session_key=hashed(self.session_key), **values)
            except IntegrityError as error:
                raise CreateError from error
        elif Session.objects.filter(session_key=hashed(self.session_key)).update(**values):
            for name, value in values.items():
                setattr(self.row, name, value)
        else:
            # Revoked while this request was under way: writing it again would bring it back.
            raise UpdateError

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=hashed(key)).delete()

    def flush(self) -> None:
        super().flush()
        self.row = None

    def cycle_key(self) -> None:
        """Give the same row a new key; the old cookie is dead from this moment."""
        data = self._session
        if self.row is None or self.session_key is None:
            self.create()
            self._session_cache = data
            return
        key = self._get_new_session_key()
        if not Session.objects.filter(session_key=self.row.session_key).update(session_key=hashed(key)):
            raise SessionInterrupted("The session was ended while this request was under way.")
        self._session_key = key
        self.row.session_key = hashed(key)
        self.modified = True

    def get_session_cookie_age(self) -> int:
        """Seconds a browser keeps the cookie: no longer than the session can last."""
        if SESSION_KEY not in self._session:
            return int(ANONYMOUS_LIFE.total_seconds())
        if self.row is None or self.row.user_id is None:
            return int(absolute_life().total_seconds())
        return max(0, int((self.row.ends_at - timezone.now()).total_seconds()))

    @classmethod
    def clear_expired(cls) -> None:
        Session.objects.over().delete()

    @classmethod
    def sweep(cls) -> None:
        """Clear a few of the expired, so that nobody waits for many and the table does not grow."""
        # MariaDB takes no limit inside a subquery.
        keys = list(Session.objects.over().order_by("expire_date").values_list("pk", flat=True)[:SWEEP])
        # To delete nothing would still wait for its turn at writing.
        if keys:
            Session.objects.over().filter(pk__in=keys).delete()

    async def aload(self) -> dict[str, Any]:
        return await sync_to_async(self.load)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate(self) -> None:
        await sync_to_async(self.create)()

    async def asave(self, must_create: bool = False) -> None:
        await sync_to_async(self.save)(must_create=must_create)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    async def aflush(self) -> None:
        await sync_to_async(self.flush)()

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()

    @classmethod
    async def aclear_expired(cls) -> None:
        await sync_to_async(cls.clear_expired)()

    def _get_new_session_key(self) -> str:
        # 165 random bits: asking the table first whether they are free would be a query for nothing.
        return get_random_string(32, VALID_KEY_CHARS)

    def _facts(self, data: dict[str, Any]) -> dict[str, Any]:
        """What the row must know besides the data: at the moment somebody signs in, who, when and from where."""
        now = timezone.now()
        if SESSION_KEY not in data:
            return {"expire_date": now + ANONYMOUS_LIFE, "ends_at": now + ANONYMOUS_LIFE}
        user_id = int(data[SESSION_KEY])
        if self.row is not None and self.row.user_id == user_id:
            return {}
        here = current()
        return {
            "user_id": user_id,
            "address": here.address,
            "user_agent": here.user_agent,
            "signed_in_at": now,
            "last_activity": now,
            "expire_date": now + min(idle_life(), absolute_life()),
            "ends_at": now + absolute_life(),
        }
